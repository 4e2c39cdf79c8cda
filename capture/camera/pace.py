"""Deliver at a steady rate: each turn waits for its due time, and a late turn is not made up for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Turns at most `per_second` times a second.

    Args:
        per_second: the rate.
        clock: monotonic seconds.
        wait: waits that many seconds.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._interval = 1.0 / per_second
        self._clock = clock
        self._wait = wait or threading.Event().wait
        self._due = clock()

    def turn(self) -> float:
        """Wait for the next turn; its time on the clock."""
        now = self._clock()
        if now < self._due:
            self._wait(self._due - now)
            now = self._clock()
        if now - self._due > self._interval:  # late by a whole turn: begin to count anew
            self._due = now
        self._due += self._interval
        return now
