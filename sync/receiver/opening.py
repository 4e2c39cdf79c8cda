"""The only code that opens envelopes. It runs at the hospital; no device holds what it needs (docs/adr/0005)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from capture.canonical import to_canonical
from capture.envelope import (
    HPKE,
    MANIFEST_LENGTH,
    MAX_MANIFEST,
    Envelope,
    SealingKey,
    body_cipher,
    commitment_to,
    content_key_info,
)

OPENING_KEY_BYTES: Final = 96
_SEED_BYTES: Final = 64


class NotOpenable(Exception):  # noqa: N818 - named for what is known
    """This envelope cannot be opened with the keys at hand. Keep it, and find the key it was sealed to.

    Attributes:
        reason: a short fixed word: no-key, key, body or manifest.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True, repr=False)
class OpeningKey:
    """The private half of a sealing key: ML-KEM-768 seed (64 bytes), then X25519 (32 bytes).

    Raises:
        ValueError: not 96 bytes.
    """

    raw: bytes
    public: SealingKey = field(init=False)
    _private: MLKEM768X25519PrivateKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != OPENING_KEY_BYTES:
            raise ValueError(f"an opening key is {OPENING_KEY_BYTES} bytes, not {len(self.raw)}")
        lattice = MLKEM768PrivateKey.from_seed_bytes(self.raw[:_SEED_BYTES])
        curve = X25519PrivateKey.from_private_bytes(self.raw[_SEED_BYTES:])
        public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        object.__setattr__(self, "public", SealingKey(public))
        object.__setattr__(self, "_private", MLKEM768X25519PrivateKey(lattice, curve))

    def __repr__(self) -> str:
        return f"OpeningKey(key_id={self.key_id!r})"

    @classmethod
    def generate(cls) -> Self:
        """A new key from the operating system's randomness."""
        lattice = MLKEM768PrivateKey.generate().private_bytes_raw()
        return cls(lattice + X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The key in `raw` (96 bytes).

        Raises:
            ValueError: not an opening key.
        """
        return cls(raw)

    def to_bytes(self) -> bytes:
        """96 secret bytes; whoever has them reads every envelope sealed to this key."""
        return self.raw

    @property
    def key_id(self) -> str:
        """The id of its sealing key."""
        return self.public.key_id

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """The content key in `wrapped`.

        Raises:
            NotOpenable: it was not wrapped for this key and this context.
        """
        try:
            return HPKE.decrypt(wrapped, self._private, info)
        except (InvalidTag, ValueError) as error:
            raise NotOpenable("key", "The envelope's content key was not wrapped for this capture.") from error


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in an envelope.

    Attributes:
        manifest: the capture manifest (docs/formats/capture-manifest.md), as JSON says it.
        jpeg: the picture.
    """

    manifest: Mapping[str, Any] = field(repr=False)
    jpeg: bytes = field(repr=False)


def open_envelope(envelope: Envelope, keys: Iterable[OpeningKey]) -> Opened:
    """What is in `envelope`. Verify it first: opening says what was sealed, not who sealed it.

    Raises:
        NotOpenable: none of `keys` is a recipient, or what comes out contradicts the header.
    """
    header = envelope.header
    wrapped = {recipient.key_id: recipient.wrapped for recipient in header.recipients}
    key = next((key for key in keys if key.key_id in wrapped), None)
    if key is None:
        raise NotOpenable("no-key", "The envelope is sealed to a key that is not here.")
    info = content_key_info(site=header.site, device=header.device, capture=header.capture, key_id=key.key_id)
    content_key = key.unwrap(wrapped[key.key_id], info)
    if commitment_to(content_key) != header.commitment:
        raise NotOpenable("key", "The envelope's content key is not the one its header commits to.")
    aad = hashlib.sha256(envelope.header_block).digest()
    try:
        plain = body_cipher(header.body_suite, content_key).decrypt(header.nonce, envelope.body, aad)
    except InvalidTag as error:
        raise NotOpenable("body", "The envelope's body was altered after it was sealed.") from error
    return _split(plain, envelope)


def _split(plain: bytes, envelope: Envelope) -> Opened:
    start = MANIFEST_LENGTH.size
    (length,) = MANIFEST_LENGTH.unpack_from(plain)
    if not 1 <= length <= min(MAX_MANIFEST, len(plain) - start - 1):
        raise NotOpenable("body", "The envelope's body is not a manifest and a picture.")
    try:
        manifest = json.loads(plain[start : start + length].decode("utf-8"))
        to_canonical(manifest)  # It is spelled again when it is filed: a NaN or half a letter must not come that far.
    except (ValueError, RecursionError) as error:
        raise NotOpenable("manifest", "The envelope's manifest is not JSON.") from error
    jpeg = plain[start + length :]
    if not isinstance(manifest, dict) or not _agrees(manifest, envelope, jpeg):
        raise NotOpenable("manifest", "The envelope's manifest contradicts its header or its picture.")
    return Opened(manifest, jpeg)


def _agrees(manifest: Mapping[str, Any], envelope: Envelope, jpeg: bytes) -> bool:
    """Whether the manifest is of this capture, device, site and picture."""
    device, image = manifest.get("device"), manifest.get("image")
    return (
        isinstance(device, dict)
        and isinstance(image, dict)
        and manifest.get("capture") == envelope.capture
        and manifest.get("site") == envelope.site
        and device.get("id") == envelope.device
        and manifest.get("counter") == envelope.counter
        and image.get("sha256") == hashlib.sha256(jpeg).hexdigest()
    )
