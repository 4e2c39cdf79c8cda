"""What is covered and what is asked, from what the detectors said. Pure.

Two thresholds a kind. From `cover` on, an identifier is there: it is covered and the kind is FOUND. Between `ask` and
`cover` it may be: it is covered too, and the kind is UNSURE, so that a person looks (promises 7 and 8). Below `ask`
it is texture. A kind that no detector looked for is UNSURE: nobody looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.covering import coverage
from inference.geometry import bounds, lies_in, overlap_of_smaller
from inference.picture import Kind, Outcome, Region

POLICY: Final = "wardlens-redaction-4"

NEVER_CLEAR: Final = frozenset({Kind.TATTOO})
"""Kinds whose detector misses too many to be believed when it sees nothing (docs/models/wardlens-skin.md)."""

_ALREADY_COVERED: Final = 0.5
_SAME_PLACE: Final = 0.5
_SLIVER: Final = 0.03
_HIDDEN: Final = 0.95
_GRID: Final = 96


@dataclass(frozen=True, slots=True)
class Pair:
    """The two thresholds of one kind: 0 < ask ≤ cover ≤ 1."""

    ask: float
    cover: float

    def __post_init__(self) -> None:
        if not 0 < self.ask <= self.cover <= 1:
            raise ValueError(f"thresholds lie as 0 < ask ≤ cover ≤ 1, got {self.ask} and {self.cover}")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of every kind that a detector looks for; docs/evaluation.md says how they were chosen."""

    face: Pair = Pair(0.45, 0.72)
    text: Pair = Pair(0.5, 0.5)
    code: Pair = Pair(0.5, 0.6)
    tattoo: Pair = Pair(0.82, 1.0)

    def of(self, kind: Kind) -> Pair:
        """The two thresholds of `kind`."""
        return {Kind.FACE: self.face, Kind.TEXT: self.text, Kind.CODE: self.code, Kind.TATTOO: self.tattoo}[kind]

    def facts(self, kinds: Iterable[Kind]) -> Mapping[str, float]:
        """Name → score, for the record."""
        return {
            f"{kind}.{name}": value
            for kind in Kind
            if kind in set(kinds)
            for name, value in (("ask", self.of(kind).ask), ("cover", self.of(kind).cover))
        }


def covered(regions: Iterable[Region], thresholds: Thresholds) -> tuple[Region, ...]:
    """The regions that are to be covered, without those that a better one of the same kind makes needless."""
    wanted = sorted((r for r in regions if r.score >= thresholds.of(r.kind).ask), key=lambda r: -r.score)
    kept: list[Region] = []
    for region in wanted:
        if not any(_same(region, better) for better in kept):
            kept.append(region)
    return tuple(kept)


def outcomes(
    regions: Sequence[Region],
    looked: Iterable[Kind],
    thresholds: Thresholds,
    never_clear: Iterable[Kind] = (),
) -> Mapping[Kind, Outcome]:
    """The answer for every kind: UNSURE where nobody looked or where a region may be one, then FOUND, then CLEAR.

    Kinds in `never_clear` are UNSURE where CLEAR would be said.

    A doubtful region that a sure one of its kind mostly overlaps is the same thing seen worse, and asks nobody. Nor
    does one that hides nothing which sure ones, of whatever kind, do not hide already; but for kinds in `never_clear`.
    """
    answers: dict[Kind, Outcome] = {}
    seen = frozenset(looked)
    unsettled = frozenset(never_clear)
    certain = [region for region in regions if region.score >= thresholds.of(region.kind).cover]
    for kind in Kind:
        found = [region for region in regions if region.kind is kind]
        sure = [region for region in certain if region.kind is kind]
        others = [] if kind in unsettled else certain
        doubtful = [region for region in found if region.score < thresholds.of(kind).cover]
        if kind not in seen or any(_asks(one, sure, others) for one in doubtful):
            answers[kind] = Outcome.UNSURE
        elif found:
            answers[kind] = Outcome.FOUND
        else:
            answers[kind] = Outcome.UNSURE if kind in unsettled else Outcome.CLEAR
    return answers


def still_visible(regions: Iterable[Region], mask: NDArray[np.bool_], thresholds: Thresholds) -> tuple[Region, ...]:
    """What a second look found that the fill did not cause: regions that are not mostly covered already.

    `mask` is H×W, true where the picture is covered. A detector may see a head above a neck where the fill is.
    """
    return tuple(region for region in covered(regions, thresholds) if _share_covered(region, mask) < _ALREADY_COVERED)


def _asks(region: Region, sure: Sequence[Region], others: Sequence[Region]) -> bool:
    """Whether a doubtful region is neither in the place of a sure one of its kind nor hidden by others."""
    return not any(_same_place(region, one) for one in sure) and _share_hidden(region, others) < _HIDDEN


def _share_hidden(region: Region, others: Sequence[Region]) -> float:
    """How much of a region lies in others, on a grid of `_GRID` over its bounds."""
    left, top, right, bottom = bounds(region.polygon)
    wide, high = max(right - left, 1.0), max(bottom - top, 1.0)
    inside, hidden = (
        coverage(
            _GRID,
            _GRID,
            [tuple(((x - left) / wide * _GRID, (y - top) / high * _GRID) for x, y in one.polygon) for one in drawn],
        )
        for drawn in ([region], others)
    )
    return float(hidden[inside].mean()) if inside.any() else 0.0


def _same_place(region: Region, other: Region) -> bool:
    return overlap_of_smaller(bounds(region.polygon), bounds(other.polygon)) >= _SAME_PLACE


def _share_covered(region: Region, mask: NDArray[np.bool_]) -> float:
    height, width = mask.shape
    left, top, right, bottom = bounds(region.polygon)
    x0, y0 = max(0, int(left)), max(0, int(top))
    x1, y1 = min(width, int(np.ceil(right))), min(height, int(np.ceil(bottom)))
    if x1 <= x0 or y1 <= y0:
        return 1.0
    shifted = tuple((x - x0, y - y0) for x, y in region.polygon)
    inside = coverage(x1 - x0, y1 - y0, [shifted])
    return float(mask[y0:y1, x0:x1][inside].mean()) if inside.any() else 1.0


def _same(region: Region, better: Region) -> bool:
    """Whether `better` covers nearly all that `region` does."""
    if region.kind is not better.kind:
        return False
    if region.kind is not Kind.FACE:
        return region.polygon == better.polygon
    return lies_in(region.polygon, better.polygon, _SLIVER)
