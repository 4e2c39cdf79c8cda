"""Certificate requests of a device, made and judged. Pure, but for the keys it is handed.

A device's name is bound to its identity key: `wl-` and the first ten hex digits of the key's hash. Nobody chooses it,
so nobody can ask for another device's name without that device's key.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from capture.identifiers import DeviceId, device_id
from provisioning.keys import key_hash

MAX_REQUEST = 4096


def device_of_key(key: EllipticCurvePublicKey) -> DeviceId:
    """The name of the device whose identity key this is."""
    return device_id("wl-" + key_hash(key).hex()[:10])


def make_request(key: EllipticCurvePrivateKey, device: DeviceId) -> bytes:
    """A PKCS#10 request (RFC 2986) as DER for `device`, signed by `key`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def read_request(der: bytes) -> tuple[str, EllipticCurvePublicKey]:
    """The common name and key of a request whose signature proves that the asker holds the key.

    Raises:
        ValueError: not a PKCS#10 request, not P-256, not signed by its own key, or not exactly one common name.
    """
    if len(der) > MAX_REQUEST:
        raise ValueError("the request is too large")
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            raise ValueError("the key is not P-256")  # noqa: TRY004 - a peer's bytes, not a caller's mistake
        if not request.is_signature_valid:
            raise ValueError("the request is not signed by its own key")
        names = list(request.subject)
    except (UnsupportedAlgorithm, InvalidSignature, TypeError, x509.InvalidVersion) as error:
        raise ValueError("the request uses an algorithm that Wardlens does not") from error
    if len(names) != 1 or names[0].oid != NameOID.COMMON_NAME:
        raise ValueError("the subject is not one common name")
    return str(names[0].value), key
