"""The hospital's public sealing key, and what a wrapped content key is bound to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from capture.canonical import to_canonical
from capture.identifiers import CaptureId, DeviceId, SiteId

MLKEM_BYTES: Final = 1184
SEALING_KEY_BYTES: Final = MLKEM_BYTES + 32

_INFO: Final = b"wardlens envelope 1 content key\n"
_COMMITMENT: Final = b"wardlens envelope 1 commitment\n"


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key to seal to: ML-KEM-768 (1184 bytes), then X25519 (32 bytes). It cannot open anything.

    Raises:
        ValueError: not 1216 bytes.
    """

    raw: bytes
    _public: MLKEM768X25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != SEALING_KEY_BYTES:
            raise ValueError(f"a sealing key is {SEALING_KEY_BYTES} bytes, not {len(self.raw)}")
        lattice = MLKEM768PublicKey.from_public_bytes(self.raw[:MLKEM_BYTES])
        curve = X25519PublicKey.from_public_bytes(self.raw[MLKEM_BYTES:])
        object.__setattr__(self, "_public", MLKEM768X25519PublicKey(lattice, curve))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The key in `raw` (1216 bytes).

        Raises:
            ValueError: not a sealing key.
        """
        return cls(raw)

    def to_bytes(self) -> bytes:
        """The key's 1216 bytes."""
        return self.raw

    @property
    def key_id(self) -> str:
        """SHA-256 of the key's bytes, 64 hex digits: how recipients are named."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def public(self) -> MLKEM768X25519PublicKey:
        """The key as HPKE takes it."""
        return self._public


def content_key_info(*, site: SiteId, device: DeviceId, capture: CaptureId, key_id: str) -> bytes:
    """HPKE's `info`: a content key wrapped for one capture, device, site and recipient opens for no other.

    Single-shot HPKE has no associated data here, so the context goes in by `info` (RFC 9180, section 5.1).
    """
    return _INFO + to_canonical({"capture": capture, "device": device, "recipient": key_id, "site": site})


def commitment_to(content_key: bytes) -> str:
    """What the header says of the content key, so that all recipients open the same body or none (64 hex digits).

    AES-GCM and ChaCha20-Poly1305 do not commit to their key: without this, a device gone bad could wrap two keys under
    which one body shows two different pictures. The key is 256 random bits, so its hash tells nothing.
    """
    return hashlib.sha256(_COMMITMENT + content_key).hexdigest()
