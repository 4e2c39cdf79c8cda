"""How much one peer may ask for: a bounded number of requests, refilled with time. Pure: the clock is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

MAX_PEERS = 4096


class RateLimit:
    """`burst` requests at once from one peer, then `per_second`. Remembers a bounded number of peers."""

    def __init__(self, burst: int, per_second: float, monotonic: Callable[[], float]) -> None:
        self._burst = burst
        self._per_second = per_second
        self._monotonic = monotonic
        self._peers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, peer: str) -> bool:
        """Whether `peer` may ask once more; if so, it just did."""
        now = self._monotonic()
        left, then = self._peers.pop(peer, (float(self._burst), now))
        left = min(float(self._burst), left + (now - then) * self._per_second)
        allowed = left >= 1
        self._peers[peer] = (left - 1 if allowed else left, now)
        if len(self._peers) > MAX_PEERS:
            self._peers.popitem(last=False)
        return allowed
