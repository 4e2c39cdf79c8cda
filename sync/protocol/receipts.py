"""Receipts: the one message that frees an envelope, so the one that is signed by itself.

The signature is Ed25519 (RFC 8032) over the words "wardlens receipt v1", a zero byte, and the canonical
JSON without its signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from capture.identifiers import CaptureId, DeviceId, SiteId, capture_id, device_id, site_id
from sync.errors import Flaw, MessageRefused
from sync.protocol.canonical import HEX_64, SLUG, VERSION, Fields, base64_text, encode
from sync.protocol.messages import MAX_COUNTER
from sync.protocol.pieces import MAX_LENGTH

_DOMAIN: Final = b"wardlens receipt v1\x00"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The hospital has this envelope: stored, verified, opened and filed.

    Attributes:
        site: which hospital.
        device, capture, digest, length: which envelope.
        received_at_ms: when, in the hospital's Unix milliseconds.
        key: which receipt key signed, as the site manifest names it.
        signature: 64 bytes.
    """

    site: SiteId
    device: DeviceId
    capture: CaptureId
    digest: str
    length: int
    received_at_ms: int
    key: str
    signature: bytes

    def encode(self) -> bytes:
        """The payload to publish, and to keep: it is sent again byte for byte."""
        return encode({**_body(self), "signature": base64_text(self.signature)})

    def verify(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        """Nothing, if one of the site's receipt keys signed this.

        Raises:
            MessageRefused: the key is not one of `keys`, or it did not sign this.
        """
        key = keys.get(self.key)
        if key is None:
            raise MessageRefused(Flaw.UNKNOWN_KEY, "the receipt names a key that this site does not have")
        try:
            key.verify(self.signature, _DOMAIN + encode(_body(self)))
        except InvalidSignature as error:
            raise MessageRefused(Flaw.SIGNATURE, "the receipt's signature is not the site's") from error


def sign_receipt(
    sign: Callable[[bytes], bytes],
    *,
    site: SiteId,
    device: DeviceId,
    capture: CaptureId,
    digest: str,
    length: int,
    received_at_ms: int,
    key: str,
) -> Receipt:
    """A receipt signed by `sign` (Ed25519: bytes in, 64 bytes out)."""
    unsigned = Receipt(site, device, capture, digest, length, received_at_ms, key, b"")
    signature = sign(_DOMAIN + encode(_body(unsigned)))
    return Receipt(site, device, capture, digest, length, received_at_ms, key, signature)


def decode_receipt(payload: bytes) -> Receipt:
    """The receipt in a payload, its signature not yet checked.

    Raises:
        MessageRefused: anything else than exactly one well-formed receipt.
    """
    fields = Fields(payload, "receipt")
    receipt = Receipt(
        site=fields.named("site", site_id),
        device=fields.named("device", device_id),
        capture=fields.named("capture", capture_id),
        digest=fields.text("digest", HEX_64),
        length=fields.number("length", 1, MAX_LENGTH),
        received_at_ms=fields.number("received_at_ms", 0, MAX_COUNTER),
        key=fields.text("key", SLUG),
        signature=fields.data("signature", 64, 64),
    )
    fields.done()
    return receipt


def _body(receipt: Receipt) -> dict[str, Any]:
    return {
        "v": VERSION,
        "type": "receipt",
        "site": receipt.site,
        "device": receipt.device,
        "capture": receipt.capture,
        "digest": receipt.digest,
        "length": receipt.length,
        "received_at_ms": receipt.received_at_ms,
        "key": receipt.key,
    }
