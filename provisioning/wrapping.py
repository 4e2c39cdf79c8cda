"""The port to something that keeps the key under which opening keys lie on disk: a PKCS#11 token (docs/adr/0013)."""

from __future__ import annotations

from typing import Protocol


class KeyWrapper(Protocol):
    """Encrypts and decrypts short secrets with a key that cannot leave it. Both raise :class:`TokenUnusable`."""

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """`secret`, so that only this wrapper gives it back, and only for the same `context`."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """What was wrapped for `context`."""
        ...
