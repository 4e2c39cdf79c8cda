"""Who sealed an envelope: decided from its bytes, the site's id and the site's authorities, and nothing else.

No clock here. A ward device may wake up in 1970 and its certificate may expire while it is offline; neither may cost a
record. Whether a device was revoked is the receiver's question (docs/formats/envelope.md, "What is not checked").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from capture.envelope.layout import Envelope
from capture.envelope.signing import is_signed_by
from capture.errors import EnvelopeRefused, Refusal
from capture.identifiers import DeviceId, SiteId

DOCUMENT_SIGNING: Final = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""id-kp-documentSigning (RFC 9336). The device's other certificate, the one that meets the network, has not got it."""

_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for certificates that somebody bent: found by turning every byte of one."""


def verify_envelope(envelope: Envelope, *, site: SiteId, authorities: Sequence[x509.Certificate]) -> None:
    """Returns if a device of `site` sealed this, exactly these bytes.

    Args:
        envelope: parsed bytes.
        site: the site that asks.
        authorities: the issuing certificates the site trusts, each already verified up to its root.

    Raises:
        EnvelopeRefused: SITE, CERTIFICATE, AUTHORITY or SIGNATURE.
    """
    if envelope.site != site:
        raise EnvelopeRefused(Refusal.SITE, "The envelope was sealed for another site.")
    chain = _chain(envelope.header.certificates)
    if not any(_issued(chain[0], authority) for authority in authorities):
        raise EnvelopeRefused(Refusal.AUTHORITY, "The envelope's certificate was not issued by this site.")
    # Only now is the certificate read: before, it was a stranger's bytes.
    public_key = _signing_key(chain[0], site=envelope.site, device=envelope.device)
    if not is_signed_by(public_key, envelope.signature, envelope.signed_digest):
        raise EnvelopeRefused(Refusal.SIGNATURE, "The envelope is not what the device signed.")


def certificate_subjects(envelope: Envelope) -> tuple[str, ...]:
    """Whom the certificates in `envelope` name (RFC 4514), in their order; nobody has verified them yet.

    Raises:
        EnvelopeRefused: CERTIFICATE: one of them is none.
    """
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in envelope.header.certificates]
        return tuple(certificate.subject.rfc4514_string() for certificate in certificates)
    except _UNREADABLE as error:
        raise _certificate("is not a certificate") from error


def _chain(certificates: tuple[bytes, ...]) -> list[x509.Certificate]:
    try:
        chain = [x509.load_der_x509_certificate(der) for der in certificates]
    except _UNREADABLE as error:
        raise _certificate("is not a certificate") from error
    if not all(_issued(lower, upper) for lower, upper in pairwise(chain)):
        raise _certificate("comes with certificates that did not issue it")
    return chain


def _signing_key(leaf: x509.Certificate, *, site: SiteId, device: DeviceId) -> ec.EllipticCurvePublicKey:
    """The key of a certificate that says: this device's, of this site, for signing records; nothing else."""
    try:
        names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        other_names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
        public_key = leaf.public_key()
    except _UNREADABLE as error:
        raise _certificate("lacks what a device's signing certificate says") from error
    if [name.value for name in names] != [device]:
        raise _certificate("names another device")
    if list(other_names) != [x509.UniformResourceIdentifier(f"spiffe://{site}/device/{device}")]:
        raise _certificate("names another device or site")
    if list(extended) != [DOCUMENT_SIGNING] or not usage.digital_signature or basic.ca:
        raise _certificate("is for another use")
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
        raise _certificate("holds another kind of key")
    return public_key


def _issued(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def _certificate(what: str) -> EnvelopeRefused:
    return EnvelopeRefused(Refusal.CERTIFICATE, f"The envelope's certificate {what}.")
