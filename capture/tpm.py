"""Keys that a TPM 2.0 holds: made in it, signing in it, and never to be had out of it.

Such a key's file holds a blob that only the TPM which made it can load, as tpm2-openssl writes it ("TSS2 PRIVATE KEY"),
and the public half beside it. The TPM is reached through the system's OpenSSL 3 with the provider of tpm2-openssl, in a
library context of its own, so that nothing else in the process ever goes through it. Not through `cryptography`: its
wheels carry an OpenSSL of their own, which knows no provider of the system's. Why so: docs/adr/0020.
"""

from __future__ import annotations

import copy
import ctypes
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn, Self

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from capture.errors import TpmChanged, TpmMissing, TpmUnusable
from capture.events import Event

WHERE: Final = "TPM2OPENSSL_TCTI"
"""The provider's own variable: where the TPM is, in the words of tss2-tctildr(7)."""

_DEFAULT: Final = "device:/dev/tpmrm0"
"""The TPM behind the kernel's resource manager, which several processes can use at once."""
_BLOB: Final = re.compile(rb"-----BEGIN TSS2 PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END TSS2 PRIVATE KEY-----\n")
_PUBLIC: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n")
_IN_THE_TPM: Final = b"provider=tpm2"
_LONGEST_PEM: Final = 8192
_LONGEST_SIGNATURE: Final = 72
_INTEGRITY: Final = 0x09F
"""TPM_RC_INTEGRITY (TPM 2.0 Library, part 2, table 17): the blob is not of this TPM, or of it before it was cleared."""
_OF_THE_TPM: Final = 0x1000
"""Codes below are the TPM's own; above them are those of the layers before it (TSS 2.0 Overview, section 3.2.4)."""

_P: Final = ctypes.c_void_p
_PROTOTYPES: Final[dict[str, tuple[Any, ...]]] = {
    "OSSL_LIB_CTX_new": (_P,),
    "OSSL_LIB_CTX_free": (None, _P),
    "OSSL_PROVIDER_load": (_P, _P, ctypes.c_char_p),
    "OSSL_PROVIDER_unload": (ctypes.c_int, _P),
    "EVP_PKEY_CTX_new_from_name": (_P, _P, ctypes.c_char_p, ctypes.c_char_p),
    "EVP_PKEY_CTX_new_from_pkey": (_P, _P, _P, ctypes.c_char_p),
    "EVP_PKEY_CTX_free": (None, _P),
    "EVP_PKEY_CTX_set_group_name": (ctypes.c_int, _P, ctypes.c_char_p),
    "EVP_PKEY_keygen_init": (ctypes.c_int, _P),
    "EVP_PKEY_generate": (ctypes.c_int, _P, ctypes.POINTER(_P)),
    "EVP_PKEY_sign_init": (ctypes.c_int, _P),
    "EVP_PKEY_sign": (ctypes.c_int, _P, _P, ctypes.POINTER(ctypes.c_size_t), ctypes.c_char_p, ctypes.c_size_t),
    "EVP_PKEY_free": (None, _P),
    "BIO_s_mem": (_P,),
    "BIO_new": (_P, _P),
    "BIO_new_mem_buf": (_P, ctypes.c_char_p, ctypes.c_int),
    "BIO_read": (ctypes.c_int, _P, _P, ctypes.c_int),
    "BIO_free": (ctypes.c_int, _P),
    "PEM_read_bio_PrivateKey_ex": (_P, _P, _P, _P, ctypes.c_char_p, _P, ctypes.c_char_p),
    "PEM_write_bio_PrivateKey": (ctypes.c_int, _P, _P, _P, _P, ctypes.c_int, _P, _P),
    "PEM_write_bio_PUBKEY": (ctypes.c_int, _P, _P),
    "ERR_get_error_all": (ctypes.c_ulong, _P, _P, _P, ctypes.POINTER(ctypes.c_char_p), _P),
    "ERR_clear_error": (None,),
}


class TpmKey(ec.EllipticCurvePrivateKey):
    """A P-256 key in this machine's TPM, for all that takes a private key and only signs with it.

    Args:
        pem: what :attr:`pem` was when the key was made.

    Raises:
        ValueError: it is none of ours.
    """

    def __init__(self, pem: bytes) -> None:
        blob, public = _BLOB.search(pem), _PUBLIC.search(pem)
        if blob is None or public is None:
            raise ValueError("not a key that a TPM holds")
        try:
            key = serialization.load_pem_public_key(public[0])
        except UnsupportedAlgorithm as error:
            raise ValueError("a key that a TPM holds is of a known kind") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("a key that a TPM holds is ECDSA P-256")  # noqa: TRY004 - a wrong file
        self._blob, self._public = blob[0], key
        self.pem = blob[0] + public[0]

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The P-256 key that verifies; the TPM is not asked for it."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """256."""
        return self._public.key_size

    def sign(self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:  # type: ignore[override]
        """ECDSA with SHA-256 over `data`, or over what has the digest `data`, in DER.

        Raises:
            TpmUnusable: the TPM does not sign, or holds the key no more.
            UnsupportedAlgorithm: another hash is asked for.
            ValueError: `data` is to be a digest, and is none of SHA-256.
        """
        algorithm = signature_algorithm.algorithm
        hashed = algorithm._algorithm if isinstance(algorithm, Prehashed) else algorithm  # noqa: SLF001 - its one way
        if not isinstance(hashed, hashes.SHA256):
            raise UnsupportedAlgorithm("a key in the TPM signs SHA-256")
        digest = data if isinstance(algorithm, Prehashed) else hashlib.sha256(data).digest()
        if len(digest) != hashed.digest_size:
            raise ValueError("a SHA-256 has 32 bytes")
        return _TPM.sign(self._blob, digest)

    def prove(self) -> None:
        """Nothing, when the TPM signs with this key now.

        Raises:
            TpmUnusable: it does not.
        """
        self.sign(b"", ec.ECDSA(hashes.SHA256()))

    def exchange(self, *_: object) -> NoReturn:
        """Not with this key."""
        raise UnsupportedAlgorithm("a key in the TPM only signs")

    def private_numbers(self) -> NoReturn:
        """Nobody has them."""
        raise UnsupportedAlgorithm("the TPM gives its keys to nobody")

    def private_bytes(self, *_: object) -> NoReturn:
        """Nobody has them; :attr:`pem` is what can be kept."""
        raise UnsupportedAlgorithm("the TPM gives its keys to nobody")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)


def make_tpm_key() -> TpmKey:
    """A fresh key in this machine's TPM.

    Raises:
        TpmUnusable: there is none, or it makes none.
    """
    return TpmKey(_TPM.make())


def is_in_tpm(pem: bytes) -> bool:
    """Whether these bytes name a key that a TPM holds."""
    return _BLOB.search(pem) is not None


def private_key_in(pem: bytes) -> PrivateKeyTypes:
    """The private key of a file: in these bytes as PKCS#8, or in the TPM that they are for.

    Raises:
        ValueError: it is none.
    """
    if is_in_tpm(pem):
        return TpmKey(pem)
    try:
        return serialization.load_pem_private_key(pem, None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("not a key that Wardlens uses") from error


def tpm_is_here() -> bool:
    """Whether this machine has a TPM that this process may use."""
    kind, _, path = os.environ.get(WHERE, _DEFAULT).partition(":")
    return kind != "device" or os.access(path, os.R_OK | os.W_OK)


def leave_tpm() -> None:
    """The TPM is let go; whoever signs next opens it again."""
    _TPM.close()


class _Tpm:
    """This machine's TPM, opened when it is first used, and anew after whatever went wrong.

    One key stays loaded, the one that was used last: loading costs more than signing, and there are three places, one
    of which loading itself needs. One caller at a time, because tpm2-openssl before 1.3 is not made for more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._crypto: Any = None
        self._context: int | None = None
        self._providers: list[int] = []
        self._blob = b""
        self._key: int | None = None

    def make(self) -> bytes:
        """A fresh key's PEM: its blob, then its public half."""
        with self._used(otherwise=TpmMissing):
            crypto = self._opened()
            self._forget_key()
            making = crypto.EVP_PKEY_CTX_new_from_name(self._context, b"EC", _IN_THE_TPM)
            made = _P()
            try:
                _done(crypto.EVP_PKEY_keygen_init(making))
                _done(crypto.EVP_PKEY_CTX_set_group_name(making, b"P-256"))
                _done(crypto.EVP_PKEY_generate(making, ctypes.byref(made)))
            finally:
                crypto.EVP_PKEY_CTX_free(making)
            try:
                blob = _pem(crypto, lambda to: crypto.PEM_write_bio_PrivateKey(to, made, None, None, 0, None, None))
                return blob + _pem(crypto, lambda to: crypto.PEM_write_bio_PUBKEY(to, made))
            finally:
                crypto.EVP_PKEY_free(made)

    def sign(self, blob: bytes, digest: bytes) -> bytes:
        """ECDSA in DER over what has this SHA-256, with the key of `blob`."""
        with self._used(otherwise=TpmUnusable):
            loaded = self._blob == blob
            try:
                return self._signed(blob, digest)
            except _Failed:
                if not loaded:
                    raise
            self._close()  # it may have lost what was loaded: it was without power, or cleared
            return self._signed(blob, digest)

    def close(self) -> None:
        """Lets it go."""
        with self._lock:
            self._close()

    @contextmanager
    def _used(self, otherwise: type[TpmUnusable]) -> Iterator[None]:
        """Used by one caller. What fails is `otherwise`, or says that the TPM changed; the next one opens it anew."""
        with self._lock:
            try:
                yield
            except (_Failed, OSError, AttributeError) as error:  # no libcrypto 3, or an older one
                said = _errors(self._crypto) if isinstance(error, _Failed) else [str(error)]
                self._close()
                structlog.get_logger().error(Event.TPM_FAILED, said=said, alarm=True)
                raise (TpmChanged if any(map(_is_integrity, said)) else otherwise) from error

    def _opened(self) -> Any:
        if self._context is not None:
            return self._crypto
        os.environ.setdefault(WHERE, _DEFAULT)
        os.environ.setdefault("TSS2_LOG", "all+NONE")  # it writes to stderr; what it says is in our own log line
        self._crypto = crypto = ctypes.CDLL("libcrypto.so.3")
        for name, (result, *arguments) in _PROTOTYPES.items():
            function = getattr(crypto, name)
            function.restype, function.argtypes = result, arguments
        crypto.ERR_clear_error()
        self._context = _done(crypto.OSSL_LIB_CTX_new())
        for provider in (b"default", b"tpm2"):
            self._providers.append(_done(crypto.OSSL_PROVIDER_load(self._context, provider)))
        return crypto

    def _signed(self, blob: bytes, digest: bytes) -> bytes:
        crypto = self._opened()
        self._load(crypto, blob)
        signing = crypto.EVP_PKEY_CTX_new_from_pkey(self._context, self._key, _IN_THE_TPM)
        signature = ctypes.create_string_buffer(_LONGEST_SIGNATURE)
        length = ctypes.c_size_t(_LONGEST_SIGNATURE)
        try:
            _done(crypto.EVP_PKEY_sign_init(signing))
            _done(crypto.EVP_PKEY_sign(signing, signature, ctypes.byref(length), digest, len(digest)))
        finally:
            crypto.EVP_PKEY_CTX_free(signing)
        return signature.raw[: length.value]

    def _close(self) -> None:
        if self._context is None:
            return
        self._forget_key()
        for provider in reversed(self._providers):
            self._crypto.OSSL_PROVIDER_unload(provider)
        self._crypto.OSSL_LIB_CTX_free(self._context)
        self._crypto.ERR_clear_error()
        self._context, self._providers = None, []

    def _load(self, crypto: Any, blob: bytes) -> None:
        if self._blob == blob:
            return
        self._forget_key()
        source = crypto.BIO_new_mem_buf(blob, len(blob))
        try:  # an empty passphrase: ours have none, and nobody is to be asked for one
            key = crypto.PEM_read_bio_PrivateKey_ex(source, None, None, b"", self._context, b"?" + _IN_THE_TPM)
        finally:
            crypto.BIO_free(source)
        self._key, self._blob = _done(key), blob

    def _forget_key(self) -> None:
        if self._key is not None:
            self._crypto.EVP_PKEY_free(self._key)
        self._key, self._blob = None, b""


_TPM: Final = _Tpm()
"""One a process, because the keys of a process share its places in the TPM."""


class _Failed(Exception):  # noqa: N818 - named for what is known
    """A call of the library did not do what it should; its queue of errors says more."""


def _done(result: int | None) -> int:
    """What a call gave, when it is neither null nor a failure."""
    if result is None or result <= 0:
        raise _Failed
    return result


def _pem(crypto: Any, write: Callable[[int], int]) -> bytes:
    target = crypto.BIO_new(crypto.BIO_s_mem())
    try:
        _done(write(target))
        text = ctypes.create_string_buffer(_LONGEST_PEM)
        length = _done(crypto.BIO_read(target, text, _LONGEST_PEM))
        return text.raw[:length]
    finally:
        crypto.BIO_free(target)


def _errors(crypto: Any) -> list[str]:
    """What the library and the TPM said, oldest first; the queue is empty then."""
    said = []
    data = ctypes.c_char_p()
    while crypto.ERR_get_error_all(None, None, None, ctypes.byref(data), None):
        said.append((data.value or b"").decode("utf-8", "replace")[:200])
    return [one for one in said if one]


def _is_integrity(said: str) -> bool:
    """Whether the TPM said that a blob is not its own; the provider writes the code, in decimal, before the words.

    A response code of format one: the error in the low six bits, with bit 7 set; which handle or parameter, above.
    """
    with suppress(ValueError):
        code = int(said.partition(" ")[0])
        return code < _OF_THE_TPM and code & 0x0BF == _INTEGRITY
    return False
