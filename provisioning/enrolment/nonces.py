"""Words that a server gives out for a device to sign, and knows again without keeping them. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from provisioning.enrolment.wire import spell

LIFETIME = 120


class Nonces:
    """Nonces of one server process: a time, and a tag that only this process can make for it and for one device."""

    def __init__(self, key: bytes, monotonic: Callable[[], float]) -> None:
        self._key = key
        self._monotonic = monotonic

    def give(self, device: str) -> str:
        """A nonce for `device`, good for two minutes."""
        return self._with_tag(device, f"{int(self._monotonic() * 1000):x}")

    def knows(self, device: str, nonce: str) -> bool:
        """Whether this process gave `nonce` to `device` within the last two minutes."""
        made = nonce.partition(".")[0]
        if not made.isalnum() or len(nonce) > 100 or not nonce.isascii():
            return False
        if not hmac.compare_digest(self._with_tag(device, made), nonce):
            return False
        return 0 <= self._monotonic() - int(made, 16) / 1000 + 1 <= LIFETIME + 1

    def _with_tag(self, device: str, made: str) -> str:
        return f"{made}.{hmac.digest(self._key, spell(device.encode(), made.encode()), 'sha256').hex()}"
