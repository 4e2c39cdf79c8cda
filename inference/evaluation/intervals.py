"""Shares with the interval that so many trials allow. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

Z_95: Final = 1.959963984540054
"""The standard normal's 97.5 % point."""


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a whole, and how many trials say so.

    For things that are counted (faces, pictures), the whole is the number of trials. For pixels, each picture is one
    trial however many pixels it has: shares of pixels spread less from picture to picture than yes and no would, so
    the interval is rather too wide than too narrow.
    """

    part: float
    whole: float
    trials: int

    def __post_init__(self) -> None:
        if not (0 <= self.part <= self.whole * (1 + 1e-9) and self.whole > 0 and self.trials > 0):
            raise ValueError(f"no share: {self.part} of {self.whole} in {self.trials} trials")

    @property
    def value(self) -> float:
        """0 to 1."""
        return min(1.0, self.part / self.whole)

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies with 95 % confidence (Wilson)."""
        return wilson(self.value, self.trials)

    def to_json(self) -> dict[str, Any]:
        """The share as JSON has it."""
        low, high = self.interval
        return {
            "share": round(self.value, 8),
            "low": round(low, 6),
            "high": round(high, 6),
            "part": round(self.part, 6),
            "whole": round(self.whole, 6),
            "trials": self.trials,
        }


def share_of(pairs: Iterable[tuple[float, float]]) -> Share | None:
    """All the parts of all the wholes; None if there is no whole."""
    found = list(pairs)
    whole = sum(pair[1] for pair in found)
    return Share(sum(pair[0] for pair in found), whole, len(found)) if whole > 0 else None


def wilson(share: float, trials: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a share of so many independent trials (Wilson, 1927).

    Trials are taken as independent: two faces in one picture count as two, so the interval is a little too narrow.
    """
    square = z * z / trials
    middle = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * sqrt(share * (1 - share) / trials + square / (4 * trials))
    low = 0.0 if share <= 0 else max(0.0, middle - reach)
    return low, 1.0 if share >= 1 else min(1.0, middle + reach)
