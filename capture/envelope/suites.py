"""Which algorithms an envelope names, and which body cipher this machine is better at."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

CONTENT_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

KEY_SUITE: Final = "HPKE-MLKEM768-X25519-SHAKE256-AES-256-GCM"
SIGNATURE_SUITE: Final = "ECDSA-P256-SHA256"
WRAPPED_BYTES: Final = 1120 + CONTENT_KEY_BYTES + TAG_BYTES
"""HPKE's encapsulated key (ML-KEM-768 ciphertext 1088, X25519 share 32), then the sealed content key and its tag."""

HPKE: Final = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)

_TRIAL: Final = bytes(1 << 20)


class BodySuite(StrEnum):
    """How a body is sealed."""

    AES_256_GCM = "AES-256-GCM"
    CHACHA20_POLY1305 = "ChaCha20-Poly1305"


class BodyCipher(Protocol):
    """The one call that sealing needs of an AEAD."""

    def encrypt_into(self, nonce: bytes, data: bytes, associated_data: bytes | None, buf: memoryview) -> int:
        """Seal `data` into `buf`, ciphertext then tag."""
        ...

    def decrypt(self, nonce: bytes, data: bytes | memoryview, associated_data: bytes | None) -> bytes:
        """What `data` says, or InvalidTag."""
        ...


def body_cipher(suite: BodySuite, key: bytes) -> BodyCipher:
    """The AEAD that `suite` names, under `key` (32 bytes)."""
    ciphers: dict[BodySuite, Callable[[bytes], BodyCipher]] = {
        BodySuite.AES_256_GCM: AESGCM,
        BodySuite.CHACHA20_POLY1305: ChaCha20Poly1305,
    }
    return ciphers[suite](key)


def faster_suite(clock: Callable[[], float] = time.perf_counter, *, rounds: int = 3) -> BodySuite:
    """The body suite that sealed 1 MiB faster just now, best of `rounds`; AES-256-GCM where they tie.

    Measured, because a CPU's name does not say whether it has AES instructions: a Raspberry Pi 4 has none, a Pi 5 has.
    """
    sealed = memoryview(bytearray(len(_TRIAL) + TAG_BYTES))

    def seconds(suite: BodySuite) -> float:
        cipher = body_cipher(suite, bytes(CONTENT_KEY_BYTES))
        best = float("inf")
        for _ in range(rounds):
            start = clock()
            cipher.encrypt_into(bytes(NONCE_BYTES), _TRIAL, None, sealed)
            best = min(best, clock() - start)
        return best

    return min(BodySuite, key=seconds)


@cache
def measured_suite() -> BodySuite:
    """:func:`faster_suite`, measured once in this process."""
    return faster_suite()
