"""A body, sealed: after this the device itself cannot read it any more."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from capture.envelope.header import MAX_HEADER, Header, Recipient
from capture.envelope.keys import SealingKey, commitment_to, content_key_info
from capture.envelope.layout import BODY_LENGTH, MAGIC, MAX_ENVELOPE, PREFIX, VERSION, Envelope, hashed
from capture.envelope.signing import SIGNATURE_BYTES, Signer
from capture.envelope.suites import (
    CONTENT_KEY_BYTES,
    HPKE,
    NONCE_BYTES,
    TAG_BYTES,
    BodySuite,
    body_cipher,
    measured_suite,
)
from capture.identifiers import CaptureId, DeviceId, SiteId

MANIFEST_LENGTH: Final = struct.Struct(">I")
MAX_MANIFEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Body:
    """What is sealed: the capture manifest (JSON bytes, at most 1 MiB) and the JPEG.

    Raises:
        ValueError: either is empty, or the manifest is too long.
    """

    manifest: bytes = field(repr=False)
    jpeg: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.manifest) <= MAX_MANIFEST:
            raise ValueError(f"a capture manifest has 1 to {MAX_MANIFEST} bytes")
        if not self.jpeg:
            raise ValueError("there is no picture to seal")


@dataclass(frozen=True, slots=True)
class SealingContext:
    """Who seals what for whom.

    Attributes:
        capture, device, site, counter: as the header says them.
        recipients: the keys that can open, at least the site's sealing key.
        signer: holds the device's signing key.
        certificates: DER, the certificate of that key first, then its issuers.
    """

    capture: CaptureId
    device: DeviceId
    site: SiteId
    counter: int
    recipients: tuple[SealingKey, ...]
    signer: Signer = field(repr=False)
    certificates: tuple[bytes, ...] = field(repr=False)


def seal(
    body: Body,
    context: SealingContext,
    *,
    suite: BodySuite | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> Envelope:
    """`body` as an envelope that only the recipients open.

    Args:
        body: what to seal.
        context: who seals it for whom.
        suite: the body's AEAD; the one this machine is faster at where not given.
        random: fresh bytes, for the content key and the nonce. HPKE draws its own.

    Raises:
        ValueError: a context outside the format's bounds, or more bytes than an envelope holds.
    """
    suite = measured_suite() if suite is None else suite
    content_key = random(CONTENT_KEY_BYTES)
    header = Header(
        capture=context.capture,
        device=context.device,
        site=context.site,
        counter=context.counter,
        body_suite=suite,
        nonce=random(NONCE_BYTES),
        commitment=commitment_to(content_key),
        recipients=tuple(wrap(content_key, key, context) for key in context.recipients),
        certificates=context.certificates,
    )
    return assemble(body, header, content_key, context.signer)


def wrap(content_key: bytes, key: SealingKey, context: SealingContext) -> Recipient:
    """The content key, wrapped so that only the holder of `key` opens it, and only for this capture."""
    info = content_key_info(site=context.site, device=context.device, capture=context.capture, key_id=key.key_id)
    return Recipient(key.key_id, HPKE.encrypt(content_key, key.public, info))


def assemble(body: Body, header: Header, content_key: bytes, signer: Signer) -> Envelope:
    """The envelope of `body` under a header and content key that belong together.

    Written into one buffer, with one pass of SHA-256 for both the signature and the digest: sealing is on the
    shutter's path.

    Raises:
        ValueError: more bytes than an envelope holds.
    """
    header_bytes = header.to_bytes()
    if len(header_bytes) > MAX_HEADER:
        raise ValueError(f"an envelope's header has at most {MAX_HEADER} bytes")
    plain = MANIFEST_LENGTH.pack(len(body.manifest)) + body.manifest + body.jpeg
    header_end = PREFIX.size + len(header_bytes)
    body_start, body_length = header_end + BODY_LENGTH.size, len(plain) + TAG_BYTES
    total = body_start + body_length + SIGNATURE_BYTES
    if total > MAX_ENVELOPE:
        raise ValueError(f"an envelope has at most {MAX_ENVELOPE} bytes; this picture would make {total}")
    raw = bytearray(total)
    PREFIX.pack_into(raw, 0, MAGIC, VERSION, len(header_bytes))
    raw[PREFIX.size : header_end] = header_bytes
    BODY_LENGTH.pack_into(raw, header_end, body_length)
    with memoryview(raw) as view:
        aad = hashlib.sha256(view[:header_end]).digest()
        cipher = body_cipher(header.body_suite, content_key)
        cipher.encrypt_into(header.nonce, plain, aad, view[body_start : body_start + body_length])
        so_far = hashlib.sha256(view[:-SIGNATURE_BYTES])
        view[-SIGNATURE_BYTES:] = signer.sign_digest(so_far.digest())
    return hashed(bytes(raw), header, header_end, so_far)
