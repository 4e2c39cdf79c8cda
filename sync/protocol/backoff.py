"""How long to wait before trying again: exponential, capped, full jitter, so that a fleet does not come back as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 300.0

Chance = Callable[[], float]
"""Uniform in [0, 1)."""


def ceiling(attempt: int) -> float:
    """The most that the wait after this attempt (1, 2, …) can be: 1 s, doubling, at most 5 minutes."""
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(max(attempt, 1) - 1, 16))


def delay(attempt: int, chance: Chance) -> float:
    """Seconds to wait after this attempt: uniform from 0 to :func:`ceiling`."""
    return chance() * ceiling(attempt)
