"""A TLS client whose private key OpenSSL never has: whoever holds the key is asked for each signature.

Python's `ssl` takes a private key only as a file that its OpenSSL can read, and reading a TPM's through its provider
makes the whole process prefer that provider (docs/adr/0020). So OpenSSL is given the public key alone, with a method
of ours that signs: what libp11 does for smart cards (EC_KEY_METHOD_new(3)).
"""

from __future__ import annotations

import _ssl
import ctypes
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from capture.errors import SigningKeyUnusable

_PREHASHED: Final = ec.ECDSA(Prehashed(hashes.SHA256()))
_P: Final = ctypes.c_void_p
_SIGN: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, _P, ctypes.c_int, _P, ctypes.POINTER(ctypes.c_uint), _P, _P, _P
)
_PROTOTYPES: Final[dict[str, tuple[Any, ...]]] = {
    "SSL_CTX_use_certificate_chain_file": (ctypes.c_int, _P, ctypes.c_char_p),
    "SSL_CTX_use_PrivateKey": (ctypes.c_int, _P, _P),
    "EC_KEY_OpenSSL": (_P,),
    "EC_KEY_METHOD_new": (_P, _P),
    "EC_KEY_METHOD_set_sign": (None, _P, _SIGN, _P, _P),
    "EC_KEY_set_method": (ctypes.c_int, _P, _P),
    "EC_KEY_free": (None, _P),
    "d2i_EC_PUBKEY": (_P, _P, ctypes.POINTER(ctypes.c_char_p), ctypes.c_long),
    "i2d_EC_PUBKEY": (ctypes.c_int, _P, ctypes.POINTER(_P)),
    "EVP_PKEY_new": (_P,),
    "EVP_PKEY_set1_EC_KEY": (ctypes.c_int, _P, _P),
    "EVP_PKEY_free": (None, _P),
    "ERR_clear_error": (None,),
}
_LONGEST_PUBLIC: Final = 256

_held: Final[dict[bytes, ec.EllipticCurvePrivateKey]] = {}
"""SubjectPublicKeyInfo → who signs for it. OpenSSL calls back with the public key, and with nothing else of ours."""


def prove_with(context: ssl.SSLContext, certificate: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """`context` proves itself by `certificate` (PEM: the leaf, then its CA), and `key` (P-256) signs for it.

    Raises:
        ssl.SSLError: the certificate cannot be read, is another key's, or this Python's OpenSSL cannot do it.
    """
    try:
        tls = _tls()
    except (OSError, AttributeError) as error:
        raise ssl.SSLError("this Python's OpenSSL takes no key that somebody else holds") from error
    inner = _P.from_address(id(context) + object.__basicsize__)  # PySSLContext's first field is its SSL_CTX *
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _held[public] = key
    with _public_key(tls, public) as pkey:
        done = tls.SSL_CTX_use_certificate_chain_file(inner, bytes(certificate)) == 1
        done = done and tls.SSL_CTX_use_PrivateKey(inner, pkey) == 1
    if not done:
        tls.ERR_clear_error()
        raise ssl.SSLError(f"{certificate.name} cannot be read, or is another key's")


@cache
def _tls() -> Any:
    """The very OpenSSL that Python's `ssl` is linked with, found through it, whatever else is in the process."""
    library = ctypes.CDLL(getattr(_ssl, "__file__", None))
    for name, (result, *arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@contextmanager
def _public_key(tls: Any, public: bytes) -> Iterator[int]:
    """An EVP_PKEY of the key with this SubjectPublicKeyInfo, which signs by asking us."""
    source = ctypes.c_char_p(public)
    key = tls.d2i_EC_PUBKEY(None, ctypes.byref(source), len(public))
    pkey = tls.EVP_PKEY_new()
    try:
        tls.EC_KEY_set_method(key, _method()[0])
        tls.EVP_PKEY_set1_EC_KEY(pkey, key)
        yield pkey
    finally:
        tls.EVP_PKEY_free(pkey)
        tls.EC_KEY_free(key)


@cache
def _method() -> tuple[int, Any]:
    """OpenSSL's own way with EC keys, but for signing; and what signs, for as long as the process lasts."""
    tls, signs = _tls(), _SIGN(_signs)
    method: int = tls.EC_KEY_METHOD_new(tls.EC_KEY_OpenSSL())
    tls.EC_KEY_METHOD_set_sign(method, signs, None, None)
    return method, signs


def _signs(_type: int, digest: int, length: int, signature: int, written: Any, _kinv: int, _r: int, key: int) -> int:
    """Puts a signature in DER over `digest` where OpenSSL has room for it; 0 where there is none."""
    public = ctypes.create_string_buffer(_LONGEST_PUBLIC)
    end = _P(ctypes.addressof(public))
    size = _tls().i2d_EC_PUBKEY(key, ctypes.byref(end))
    try:
        made = _held[public.raw[:size]].sign(ctypes.string_at(digest, length), _PREHASHED)
    except SigningKeyUnusable:
        return 0
    ctypes.memmove(signature, made, len(made))
    written[0] = len(made)
    return 1
