"""Signatures: ECDSA P-256 over SHA-256, 64 raw bytes, low s only.

For every (r, s) there is a second valid signature (r, n - s) that anyone can compute. Were both accepted, anyone could
make a second envelope with another digest for the same capture, and have the true one quarantined. So the larger of
the two is refused (as BIP 146 does, for the same reason).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature

from capture.errors import SigningKeyUnusable
from capture.private_files import bytes_and_exposure
from capture.tpm import private_key_in

SIGNATURE_BYTES: Final = 64
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order n of P-256's group (SP 800-186, section 3.2.1.3)."""

_PREHASHED: Final = ec.ECDSA(Prehashed(hashes.SHA256()))


class Signer(Protocol):
    """Signs for a device. A file, a TPM or a secure element: the one that holds the key decides."""

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The P-256 key that verifies."""
        ...

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 with SHA-256 over `data`: 64 bytes, r then s, low s."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """The same, for data whose SHA-256 (32 bytes) the caller has already computed."""
        ...


def is_canonical_signature(signature: bytes) -> bool:
    """Whether `signature` has the one form we accept: 64 bytes, r in 1..n-1, s in 1..(n-1)/2."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return 1 <= r < ORDER and 1 <= s <= ORDER // 2


def is_signed_by(public_key: ec.EllipticCurvePublicKey, signature: bytes, digest: bytes) -> bool:
    """Whether `signature` is the holder of `public_key` signing what has the SHA-256 `digest`."""
    if not is_canonical_signature(signature):
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        public_key.verify(der, digest, _PREHASHED)
    except InvalidSignature:
        return False
    return True


class KeySigner:
    """Signs with a P-256 key that is in memory, or in the TPM behind the same interface (:class:`capture.tpm.TpmKey`).

    Raises:
        SigningKeyUnusable: the key is of another kind.
    """

    def __init__(self, key: object, *, deterministic: bool = False) -> None:
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise SigningKeyUnusable("The device's signing key is not an ECDSA P-256 key. Pair the device again.")
        self._key = key
        self._algorithm = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=deterministic)

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The P-256 key that verifies."""
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        """64 bytes over `data`."""
        return self.sign_digest(hashlib.sha256(data).digest())

    def sign_digest(self, digest: bytes) -> bytes:
        """64 bytes over what has the SHA-256 `digest`."""
        r, s = decode_dss_signature(self._key.sign(digest, self._algorithm))
        return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


class FileSigner(KeySigner):
    """Signs with the key in a file that only its owner can read: PKCS#8 PEM, or the blob of a key in the TPM.

    Raises:
        SigningKeyUnusable: no such file, readable by others, or not an unencrypted P-256 key.
    """

    def __init__(self, path: Path) -> None:
        try:
            pem, exposed = bytes_and_exposure(path)
        except OSError as error:
            raise SigningKeyUnusable(
                f"The device's signing key {path} cannot be read. Pair the device again."
            ) from error
        if exposed is not None:
            raise SigningKeyUnusable(f"{exposed} If anybody else used this machine meanwhile, pair the device again.")
        try:
            key = private_key_in(pem)
        except ValueError as error:
            raise SigningKeyUnusable(
                f"The device's signing key {path} is not a key in PEM form. Pair the device again."
            ) from error
        super().__init__(key)
