"""What both ends of an enrolment compute: the proof, the digits, the signed words, the two EST encodings. Pure.

The format is docs/formats/enrolment.md. Everything that is hashed is a labelled list of length-prefixed parts, so that
no two lists share one spelling.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates, serialize_certificates

CACERTS = "/.well-known/est/cacerts"
SIMPLE_ENROLL = "/.well-known/est/simpleenroll"
SIMPLE_REENROLL = "/.well-known/est/simplereenroll"
MANIFEST = "/.well-known/wardlens/manifest"
COMMAND = "/.well-known/wardlens/command"
RESULT = "/.well-known/wardlens/result"
UPDATE = "/.well-known/wardlens/update"

INVITATION_HEADER = "wardlens-invitation"
SIGNING_HEADER = "wardlens-signing-request"
PROOF_HEADER = "wardlens-proof"
NAME_HEADER = "wardlens-device-name"
DEVICE_HEADER = "wardlens-device"
NONCE_HEADER = "wardlens-nonce"
SIGNATURE_HEADER = "wardlens-signature"
KNOWN_HEADER = "wardlens-known"

MAX_BODY = 16 * 1024
MAX_ANSWER = 5 * 1024 * 1024
MAX_PIECE = 4 * 1024 * 1024
MAX_CERTIFICATES = 8
_RANGE = re.compile(r"bytes=([0-9]{1,12})-([0-9]{1,12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Application:
    """What a device asks for: two certificates, one for each of its keys, under one invitation."""

    invitation: str
    identity_request: bytes
    signing_request: bytes
    name: str

    def proof(self, secret: bytes, server_hash: bytes) -> bytes:
        """Who holds the invitation's secret, says so for these requests, to the server with this certificate."""
        return hmac.digest(secret, self._parts(b"wardlens enrolment proof v1", server_hash), "sha256")

    def digits(self, root_hash: bytes, server_hash: bytes) -> str:
        """The six digits on both screens: the same only where both ends saw the same root, server and requests."""
        number = hashlib.sha256(self._parts(b"wardlens enrolment digits v1", root_hash, server_hash)).digest()
        return f"{int.from_bytes(number[:8], 'big') % 1_000_000:06d}"

    def digest(self) -> bytes:
        """The same for the same application only."""
        return hashlib.sha256(self._parts(b"wardlens enrolment application v1")).digest()

    def _parts(self, label: bytes, *more: bytes) -> bytes:
        mine = (self.invitation.encode(), self.identity_request, self.signing_request, self.name.encode())
        return spell(label, *more, *mine)


def spell(*parts: bytes) -> bytes:
    """`parts` as one string that no other parts share."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def manifest_words(device: str, nonce: str, server_hash: bytes) -> bytes:
    """What a device signs with its identity key to be given the manifest by this server, now."""
    return spell(b"wardlens manifest request v1", device.encode(), nonce.encode(), server_hash)


def command_words(device: str, nonce: str, server_hash: bytes) -> bytes:
    """What a device signs with its identity key to be given the site's next command for it."""
    return spell(b"wardlens command request v1", device.encode(), nonce.encode(), server_hash)


def update_words(device: str, nonce: str, server_hash: bytes, sha256: str) -> bytes:
    """What a device signs with its identity key to be given pieces of the bundle with this digest."""
    return spell(b"wardlens update request v1", device.encode(), nonce.encode(), server_hash, sha256.encode())


def parse_range(text: str) -> tuple[int, int]:
    """Where the one piece of a `Range` header begins, and how many bytes it has (RFC 9110, section 14.2).

    Raises:
        ValueError: not one range with both its ends, or one of more than 4 MiB.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError("not one range of bytes with a first and a last")
    first, last = int(found[1]), int(found[2])
    if not 0 <= last - first < MAX_PIECE:
        raise ValueError("not 1 byte to 4 MiB")
    return first, last - first + 1


def renewal_words(
    device: str, nonce: str, server_hash: bytes, identity_request: bytes, signing_request: bytes
) -> bytes:
    """What a device signs with its identity key to have its two certificates renewed."""
    parts = (device.encode(), nonce.encode(), server_hash, identity_request, signing_request)
    return spell(b"wardlens renewal request v1", *parts)


def certificate_hash(der: bytes) -> bytes:
    """What a TLS server's certificate is known by: SHA-256 (the `tls-server-end-point` of RFC 5929)."""
    return hashlib.sha256(der).digest()


def encode_certificates(certificates: Sequence[x509.Certificate]) -> bytes:
    """A certs-only PKCS#7 in base64 (RFC 7030, section 4.1.3; RFC 8951)."""
    return base64.encodebytes(serialize_certificates(list(certificates), Encoding.DER))


def decode_certificates(body: bytes) -> list[x509.Certificate]:
    """The certificates in a certs-only PKCS#7, at most eight.

    Raises:
        ValueError: not that.
    """
    if len(body) > 4 * MAX_BODY:
        raise ValueError("the certificates are too large")
    try:
        certificates = load_der_pkcs7_certificates(base64.b64decode(b"".join(body.split()), validate=True))
    except (UnsupportedAlgorithm, TypeError, x509.InvalidVersion) as error:
        raise ValueError("not a certs-only PKCS#7") from error
    if not 1 <= len(certificates) <= MAX_CERTIFICATES:
        raise ValueError("not one to eight certificates")
    return certificates
