"""A :class:`KeyWrapper` over a PKCS#11 token (OASIS PKCS #11 3.1): a smart card, an HSM, or SoftHSM in the tests.

The wrapping key is AES-256, made in the token, sensitive and never extractable. A wrapped secret is nonce (12 bytes),
ciphertext, tag (16 bytes): AES-GCM (CKM_AES_GCM, section 6.13.3), with the context as associated data.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from provisioning import durable
from provisioning.errors import PinRefused, TokenUnusable

KEY_LABEL: Final = "wardlens-opening"
_NONCE_BYTES: Final = 12
_TAG_BITS: Final = 128


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token is.

    Attributes:
        module: the vendor's PKCS#11 library.
        label: the token's own.
        pin_file: a file that holds the user PIN and nothing else, as private as a key.
    """

    module: Path
    label: str
    pin_file: Path


class Pkcs11Wrapper:
    """Wraps with the token at a place; opened for each call, because tokens are pulled out and put back.

    What was unwrapped is kept in memory until the process ends: a receiver asks for its keys at each capture. A PIN
    that was refused is not tried again, because tokens lock themselves after a few.
    """

    def __init__(self, place: TokenPlace) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._known: dict[tuple[bytes, bytes], bytes] = {}
        self._refused = False

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """`secret` under the token's key, which is made where there is none.

        Raises:
            TokenUnusable: the token cannot be used.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        with self._lock, self._key(make=True) as key:
            return nonce + bytes(key.encrypt(secret, **_gcm(nonce, context)))

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """What was wrapped for `context`.

        Raises:
            TokenUnusable: the token cannot be used, or does not hold the key, or it is not what was wrapped.
        """
        with self._lock:
            if (wrapped, context) not in self._known:
                nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
                with self._key(make=False) as key:
                    self._known[wrapped, context] = bytes(key.decrypt(sealed, **_gcm(nonce, context)))
            return self._known[wrapped, context]

    @contextmanager
    def _key(self, *, make: bool) -> Iterator[Any]:
        """The token's AES key, while a session with it lasts."""
        pkcs11, place = _library(), self._place
        if self._refused:
            raise PinRefused(f"The token refused the PIN in {place.pin_file}. Correct it, then start this again.")
        try:
            pin = durable.private_bytes(place.pin_file).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenUnusable(f"The PIN file {place.pin_file} cannot be read. Name it in token.pin_file.") from error
        try:
            token = pkcs11.lib(str(place.module)).get_token(token_label=place.label)
            with token.open(rw=make, user_pin=pin) as session:
                yield _aes_key(pkcs11, session, make=make)
        except (pkcs11.PinIncorrect, pkcs11.PinLocked, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
            self._refused = True
            raise PinRefused(
                f"The token refused the PIN in {place.pin_file}. It is not tried again: tokens lock after a few."
            ) from error
        except pkcs11.NoSuchToken as error:
            raise TokenUnusable(
                f"There is no token called {place.label}. Plug it in, or correct token.label."
            ) from error
        except pkcs11.NoSuchKey as error:
            raise TokenUnusable(
                f"The token {place.label} holds no key called {KEY_LABEL}: it is not the one that wrapped the opening "
                "keys. Plug in that one, or restore the keys from their backup."
            ) from error
        except pkcs11.PKCS11Error as error:
            raise TokenUnusable(
                f"The token {place.label} cannot do this ({type(error).__name__}). Check token.module, and that this "
                "token wrapped the opening keys."
            ) from error


def _aes_key(pkcs11: Any, session: Any, *, make: bool) -> Any:
    kind = {"object_class": pkcs11.ObjectClass.SECRET_KEY, "key_type": pkcs11.KeyType.AES}
    try:
        return session.get_key(label=KEY_LABEL, **kind)
    except pkcs11.NoSuchKey:
        if not make:
            raise
    shut = {
        pkcs11.Attribute.PRIVATE: True,
        pkcs11.Attribute.SENSITIVE: True,
        pkcs11.Attribute.EXTRACTABLE: False,
    }
    return session.generate_key(pkcs11.KeyType.AES, 256, label=KEY_LABEL, store=True, template=shut)


def _gcm(nonce: bytes, context: bytes) -> dict[str, Any]:
    pkcs11 = _library()
    return {
        "mechanism": pkcs11.Mechanism.AES_GCM,
        "mechanism_param": pkcs11.GCMParams(nonce, context, _TAG_BITS),
    }


def _library() -> Any:
    try:
        import pkcs11  # noqa: PLC0415 - only who has a token needs it
    except ImportError as error:
        raise TokenUnusable(
            "A token is set, and its library is not installed. Install Wardlens with its extra `pkcs11`."
        ) from error
    return pkcs11
