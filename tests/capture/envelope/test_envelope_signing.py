"""The device's signature and the file its key lies in."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from capture.envelope import FileSigner, KeySigner, SigningKeyUnusable, is_signed_by
from capture.envelope.signing import ORDER, is_canonical_signature


@pytest.fixture(scope="module")
def key():
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key, protection=None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection or NoEncryption())


@pytest.fixture
def pem_file(tmp_path, key):
    path = tmp_path / "signing.pem"
    path.write_bytes(pem_of(key))
    path.chmod(0o600)
    return path


@given(data=st.binary(max_size=64))
def test_a_signature_verifies_as_plain_ecdsa_too_and_is_always_low_s(key, data):
    signer = KeySigner(key)
    signature = signer.sign(data)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.public_key().verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    assert s <= ORDER // 2
    assert is_signed_by(signer.public_key, signature, hashlib.sha256(data).digest())
    assert not is_signed_by(signer.public_key, signature, hashlib.sha256(data + b"x").digest())


def test_the_other_form_of_a_signature_is_refused(key):
    signature = KeySigner(key).sign(b"data")
    other = signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    assert not is_canonical_signature(other)
    assert not is_signed_by(key.public_key(), other, hashlib.sha256(b"data").digest())


def test_a_signature_of_another_length_is_refused():
    assert not is_canonical_signature(b"")
    assert not is_canonical_signature(bytes([1]) * 65)


def test_a_key_in_a_file_of_its_owner_signs(pem_file, key):
    signer = FileSigner(pem_file)
    assert signer.public_key == key.public_key()
    assert is_signed_by(key.public_key(), signer.sign(b"x"), hashlib.sha256(b"x").digest())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o666])
def test_a_key_that_others_can_read_is_refused_with_the_command_that_helps(pem_file, mode):
    pem_file.chmod(mode)
    with pytest.raises(SigningKeyUnusable, match="chmod 600"):
        FileSigner(pem_file)


def test_a_key_that_is_not_there_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(SigningKeyUnusable, match="Pair the device"):
        FileSigner(tmp_path / "none.pem")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(ed25519.Ed25519PrivateKey.generate()),
        pem_of(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"pin")),
        b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 20_000,
    ],
    ids=["empty", "text", "P-384", "Ed25519", "encrypted", "endless"],
)
def test_what_is_no_p256_key_is_refused_with_what_to_do(pem_file, content):
    pem_file.write_bytes(content)
    with pytest.raises(SigningKeyUnusable, match="Pair the device again"):
        FileSigner(pem_file)
