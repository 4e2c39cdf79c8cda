"""Private keys: made, written as PEM, read back, and named by the hash of their public half.

A device's may be in its TPM: then its file holds what only that TPM can use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from capture.errors import TpmUnusable
from capture.tpm import TpmKey, private_key_in
from provisioning import durable
from provisioning.errors import KeyUnusable

KeyMaker = Callable[[], EllipticCurvePrivateKey]
"""Makes a device's keys, each P-256: :func:`make_leaf_key`, or a TPM's."""


def make_authority_key() -> EllipticCurvePrivateKey:
    """A fresh P-384 key, for a root or an issuing CA."""
    return generate_private_key(SECP384R1())


def make_leaf_key() -> EllipticCurvePrivateKey:
    """A fresh P-256 key, for a device or a server: what a TPM or a secure element can hold."""
    return generate_private_key(SECP256R1())


def to_pem(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    """`key` as PKCS#8 PEM without a passphrase; the file's mode is what protects it. Of one in the TPM, its blob."""
    if isinstance(key, TpmKey):
        return key.pem
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_key(path: Path, key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
    """`key` at `path`, 0600, durable."""
    durable.write(path, to_pem(key), mode=durable.PRIVATE)


def read_ec_key(path: Path) -> EllipticCurvePrivateKey:
    """The EC key at `path`.

    Raises:
        KeyExposed: others can read it.
        ValueError: not a PKCS#8 EC key, nor one in the TPM.
        OSError: not readable.
    """
    key = _read(path)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} is not an EC key")  # noqa: TRY004 - a wrong file, not a caller's mistake
    return key


def read_ed25519_key(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key at `path`.

    Raises:
        KeyExposed: others can read it.
        ValueError: not a PKCS#8 Ed25519 key.
        OSError: not readable.
    """
    key = _read(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path.name} is not an Ed25519 key")  # noqa: TRY004 - the same
    return key


def public_der(key: EllipticCurvePublicKey | Ed25519PublicKey) -> bytes:
    """The SubjectPublicKeyInfo of `key`."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_hash(key: EllipticCurvePublicKey | Ed25519PublicKey) -> bytes:
    """What a key is pinned by: SHA-256 over its SubjectPublicKeyInfo (RFC 7469, section 2.4)."""
    return hashlib.sha256(public_der(key)).digest()


@contextmanager
def told_by_the_tpm() -> Iterator[None]:
    """What a TPM has to say while the block lasts is said in this room's words.

    Raises:
        KeyUnusable: it does not sign, or makes no key.
    """
    try:
        yield
    except TpmUnusable as error:
        raise KeyUnusable(error.sentence) from error


def _read(path: Path) -> object:
    try:
        return private_key_in(durable.private_bytes(path))
    except ValueError as error:
        raise ValueError(f"{path.name} is not a key that Wardlens uses") from error
