"""Bytes to Envelope. Strict: one envelope has one spelling, and everything else is refused with its reason."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Final

from capture.envelope.header import MAX_HEADER, Header, parse_header
from capture.envelope.signing import SIGNATURE_BYTES, is_canonical_signature
from capture.envelope.suites import TAG_BYTES
from capture.errors import EnvelopeRefused, Refusal
from capture.identifiers import CaptureId, DeviceId, SiteId

MAGIC: Final = b"\x89WLE\r\n\x1a\n"
"""As PNG's: a high bit and both line ends, so that a transfer which alters text is seen in the first eight bytes."""
VERSION: Final = 1
MAX_ENVELOPE: Final = 64 * 1024 * 1024
PREFIX: Final = struct.Struct(">8sBI")
BODY_LENGTH: Final = struct.Struct(">I")
MIN_BODY: Final = 4 + 1 + 1 + TAG_BYTES


@dataclass(frozen=True, slots=True)
class Envelope:
    """Immutable bytes that have an envelope's form. Only :func:`parse_envelope` and `seal` make one.

    Form is all it promises: who signed it is what :func:`~capture.envelope.verification.verify_envelope` says.

    Attributes:
        raw: every byte.
        header: what they say in the open.
        header_end: where the header block ends and the body length begins.
        digest: SHA-256 of `raw`, 64 hex digits: the envelope's name in offers, receipts and the archive.
        signed_digest: SHA-256 of everything before the signature: what the signature is over.
    """

    raw: bytes = field(repr=False)
    header: Header
    header_end: int
    digest: str
    signed_digest: bytes = field(repr=False)

    @property
    def capture(self) -> CaptureId:
        """Which capture is inside."""
        return self.header.capture

    @property
    def device(self) -> DeviceId:
        """The device that says it sealed this."""
        return self.header.device

    @property
    def site(self) -> SiteId:
        """The site it says it is for."""
        return self.header.site

    @property
    def counter(self) -> int:
        """The device's count."""
        return self.header.counter

    @property
    def header_block(self) -> bytes:
        """Magic, version, header length and header: what the body's associated data is the hash of."""
        return self.raw[: self.header_end]

    @property
    def body(self) -> memoryview:
        """The sealed body, ciphertext then tag, without a copy."""
        return memoryview(self.raw)[self.header_end + BODY_LENGTH.size : -SIGNATURE_BYTES]

    @property
    def signature(self) -> bytes:
        """64 bytes, r then s."""
        return self.raw[-SIGNATURE_BYTES:]


def parse_envelope(data: bytes) -> Envelope:
    """`data` as an envelope. Trusts nobody: call `verify_envelope` before believing a word of it.

    Time is one SHA-256 over `data` at most, memory a small multiple of the header beyond `data` itself.

    Raises:
        EnvelopeRefused: with the first rule that `data` breaks, in the order of docs/formats/envelope.md.
    """
    size = len(data)
    if not MAGIC.startswith(data[: len(MAGIC)]) or size == 0:
        raise EnvelopeRefused(Refusal.NOT_AN_ENVELOPE, "These bytes are not an envelope.")
    if size > MAX_ENVELOPE:
        raise EnvelopeRefused(Refusal.TOO_LARGE, f"An envelope has at most {MAX_ENVELOPE} bytes.")
    if size > len(MAGIC) and data[len(MAGIC)] != VERSION:
        raise EnvelopeRefused(Refusal.VERSION, "This envelope is of another version. Update Wardlens.")
    if size < PREFIX.size:
        raise _truncated()
    _, _, header_length = PREFIX.unpack_from(data)
    if not 1 <= header_length <= MAX_HEADER:
        raise EnvelopeRefused(Refusal.HEADER, f"An envelope's header has 1 to {MAX_HEADER} bytes.")
    header_end = PREFIX.size + header_length
    if size < header_end + BODY_LENGTH.size:
        raise _truncated()
    header = parse_header(data[PREFIX.size : header_end])
    (body_length,) = BODY_LENGTH.unpack_from(data, header_end)
    expected = header_end + BODY_LENGTH.size + body_length + SIGNATURE_BYTES
    if body_length < MIN_BODY or expected > MAX_ENVELOPE:
        raise EnvelopeRefused(Refusal.TOO_LARGE, "The envelope's body has a length that no body has.")
    if size < expected:
        raise _truncated()
    if size > expected:
        raise EnvelopeRefused(Refusal.TRAILING, "There are bytes after the envelope's end.")
    if not is_canonical_signature(data[-SIGNATURE_BYTES:]):
        raise EnvelopeRefused(Refusal.SIGNATURE_FORM, "The envelope's signature is not in its one valid form.")
    return hashed(data, header, header_end)


def hashed(data: bytes, header: Header, header_end: int, so_far: hashlib._Hash | None = None) -> Envelope:
    """The envelope of bytes whose form is known, hashed once for both of its digests.

    Args:
        data: every byte.
        header: what they say.
        header_end: where the body length begins.
        so_far: SHA-256 of everything before the signature, where the caller has it already.
    """
    if so_far is None:
        so_far = hashlib.sha256(memoryview(data)[:-SIGNATURE_BYTES])
    signed_digest = so_far.digest()
    so_far.update(data[-SIGNATURE_BYTES:])
    return Envelope(data, header, header_end, so_far.hexdigest(), signed_digest)


def _truncated() -> EnvelopeRefused:
    return EnvelopeRefused(Refusal.TRUNCATED, "The envelope ends too early. Send it again.")
