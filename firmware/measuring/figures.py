"""Many timings as few figures. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

LATENCY: Final = (50, 95, 99)


def percentile(values: Sequence[float], q: int) -> float:
    """The `q`-th percentile of `values`, between neighbours where it falls between them."""
    return float(np.percentile(values, q))


def percentiles(values: Sequence[float], which: Sequence[int] = LATENCY) -> dict[str, float]:
    """Each percentile under its name: "p50" for 50."""
    return {f"p{q}": percentile(values, q) for q in which}


def per_second(milliseconds: Sequence[float]) -> float:
    """How many a second, when each took so long, one after the other."""
    return 1000 * len(milliseconds) / sum(milliseconds)


def by_stage(rows: Sequence[Mapping[str, float]], q: int) -> dict[str, float]:
    """Stage → the `q`-th percentile of what it took; every row has the first one's stages."""
    return {stage: percentile([row[stage] for row in rows], q) for stage in rows[0]}


def slope(places: Sequence[float], values: Sequence[float]) -> float:
    """How much `values` grow for each step of `places`: the line of least squares.

    Raises:
        ValueError: not as many of one as of the other, or all at one place: no line goes through them.
    """
    if len(places) != len(values) or len(set(places)) < 2:
        raise ValueError("a slope needs values at two places at least")
    return statistics.linear_regression(places, values).slope
