"""A film's cover: what was seen is covered within the hold of it, before and after, however detectors blink."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import FilmCover, Kind, Region, Sighting, steady
from inference.covering import coverage
from inference.film_regions import BESIDE_NS, BRIDGE_NS
from inference.geometry import bounds, box_polygon, spread_polygon
from inference.hold import HOLD_NS

FRAME_NS = 40_000_000
WIDTH, HEIGHT = 160, 100
FACE = (20.0, 20.0, 60.0, 70.0)


def _region(box: tuple[float, float, float, float] = FACE, kind: Kind = Kind.FACE) -> Region:
    return Region(kind, box_polygon(box), 0.9, "m")


def _film(seen: list[list[Region]], step_ns: int = FRAME_NS) -> list[Sighting]:
    return [Sighting(place * step_ns, tuple(regions)) for place, regions in enumerate(seen)]


def _covers(cover: FilmCover, box: tuple[float, float, float, float] = FACE) -> bool:
    left, top, right, bottom = (round(value) for value in box)
    mask = coverage(WIDTH, HEIGHT, [region.polygon for region in cover.regions])
    return bool(mask[max(0, top) : bottom, max(0, left) : right].all())


BOXES = st.builds(
    lambda x, y, w, h: (x, y, x + w, y + h),
    st.integers(0, 120),
    st.integers(0, 60),
    st.integers(3, 40),
    st.integers(3, 40),
)
SPECKS = st.lists(st.builds(_region, st.just((30.0, 30.0, 36.0, 36.0)), st.sampled_from(Kind)), max_size=2)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_a_face_that_blinks_is_covered_in_every_frame_within_the_hold_of_a_sighting(
    seen: list[bool], data: st.DataObject
) -> None:
    """Specks of any kind that are found in the middle of the face end nothing."""
    film = _film([[*data.draw(SPECKS), *([_region()] if there else [])] for there in seen])
    times = [sighting.at_ns for sighting, there in zip(film, seen, strict=True) if there]
    for cover in steady(film):
        if any(abs(cover.at_ns - at) <= HOLD_NS for at in times):
            assert _covers(cover)


@given(st.integers(0, 24), st.integers(0, 24), st.integers(2, 26))
def test_a_gap_of_up_to_a_second_leaves_no_frame_uncovered(before: int, after: int, gap: int) -> None:
    seen = [[]] * before + [[_region()]] + [[]] * (gap - 1) + [[_region()]] + [[]] * after
    covered = [_covers(cover) for cover in steady(_film(seen))]
    if gap * FRAME_NS <= BRIDGE_NS:
        assert all(covered[before : before + gap + 1])
    else:
        assert not all(covered)


@given(st.floats(-50, 50), st.lists(st.booleans(), min_size=4, max_size=30))
def test_a_face_that_moves_evenly_is_covered_between_its_sightings(speed: float, seen: list[bool]) -> None:
    """`speed` in pixels a second: a face that crosses its own width in a second, seen at least every second."""

    def where(place: int) -> tuple[float, float, float, float]:
        shift = 50 + speed * place * FRAME_NS / 1e9
        return FACE[0] + shift, FACE[1], FACE[2] + shift, FACE[3]

    seen = [*seen, True]
    film = _film([[_region(where(place))] if there else [] for place, there in enumerate(seen)])
    first = seen.index(True)
    for place, cover in enumerate(steady(film)):
        near = [p for p, there in enumerate(seen) if there and abs(p - place) * FRAME_NS <= HOLD_NS]
        if place >= first and near:
            assert _covers(cover, tuple(round(v) + d for v, d in zip(where(place), (2, 2, -2, -2), strict=True)))


@given(st.lists(st.lists(st.builds(_region, BOXES, st.sampled_from(Kind)), max_size=4), max_size=20))
def test_whatever_is_seen_is_covered_in_its_frame_and_in_those_beside_it(seen: list[list[Region]]) -> None:
    film = _film(seen)
    covers = list(steady(film))
    assert [cover.at_ns for cover in covers] == [sighting.at_ns for sighting in film]
    for cover in covers:
        for sighting in film:
            if abs(sighting.at_ns - cover.at_ns) <= BESIDE_NS:
                assert set(sighting.regions) <= set(cover.regions)


@given(st.lists(st.lists(st.builds(_region, BOXES, st.sampled_from(Kind)), max_size=4), max_size=20))
def test_nothing_is_covered_of_a_kind_that_was_not_seen_within_a_second(seen: list[list[Region]]) -> None:
    film = _film(seen, 170_000_000)
    for cover in steady(film):
        near = {r.kind for s in film if abs(s.at_ns - cover.at_ns) < BRIDGE_NS for r in s.regions}
        assert {region.kind for region in cover.regions} <= near


def test_a_face_first_found_in_frame_thirty_is_covered_in_the_ten_frames_before() -> None:
    covered = [_covers(cover) for cover in steady(_film([[]] * 30 + [[_region()]] + [[]] * 30))]
    assert covered == [False] * 20 + [True] * 21 + [False] * 20


def test_what_is_held_grows_with_its_distance_in_time_to_both_sides() -> None:
    covers = list(steady(_film([[]] * 10 + [[_region()]] + [[]] * 10)))
    widths = [bounds(cover.regions[0].polygon)[2] - bounds(cover.regions[0].polygon)[0] for cover in covers]
    assert widths[0] == widths[-1] == pytest.approx(40 + 2 * 0.3 * 0.4 * 50, abs=0.01)
    assert widths[:11] == sorted(widths[:11], reverse=True)


def test_a_face_that_is_followed_is_not_smeared_over_its_way() -> None:
    """Seen in every frame, it is covered where it is, and where it was a tenth of a second before and after."""
    film = _film([[_region((x, 20, x + 40, 70))] for x in range(0, 100, 4)])
    for place, cover in enumerate(steady(film)):
        lefts = [bounds(region.polygon)[0] for region in cover.regions]
        assert all(abs(left - 4 * place) <= 4 * 2 for left in lefts)


def test_a_part_of_a_face_seen_alone_does_not_uncover_the_rest() -> None:
    whole, part = _region(), _region((20, 20, 40, 45))
    assert all(_covers(cover) for cover in steady(_film([[whole], [part], [part], [part], [part], [whole]])))


@given(st.floats(0.35, 0.79), st.integers(1, 7))
def test_a_part_that_is_seen_between_two_close_looks_does_not_uncover_the_rest(share: float, between: int) -> None:
    """As large a part as may be: it is taken for the thing itself, and is what other looks than the close ones see."""
    left, top, right, bottom = FACE
    part = _region((left, top, left + (right - left) * share, bottom))
    film = [[_region()], *([[part]] * between)] * 3
    assert all(_covers(cover) for cover in steady(_film([*film, [_region()]])))


def test_a_thing_that_goes_away_after_a_part_of_it_was_seen_is_let_go() -> None:
    part = _region((20, 20, 60, 45))
    film = _film([[_region()], [part], [part], *([[]] * 40)])
    covers = list(steady(film))
    assert not covers[-1].regions
    assert covers[2 + HOLD_NS // FRAME_NS + 1].regions == ()


def test_frames_that_do_not_follow_one_another_are_refused() -> None:
    with pytest.raises(ValueError, match="follow"):
        list(steady([Sighting(0, ()), Sighting(0, ())]))


def test_a_long_film_is_held_in_memory_for_a_second_only() -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            yield Sighting(taken * FRAME_NS, (_region(),))
            taken += 1

    covers = steady(endless())
    for _ in range(500):
        next(covers)
    assert taken - 500 <= BRIDGE_NS // FRAME_NS + 1


@given(BOXES, st.floats(0, 30))
def test_a_spread_polygon_holds_the_polygon_and_reaches_as_far_as_it_was_told(
    box: tuple[int, int, int, int], by: float
) -> None:
    left, top, right, bottom = box
    diamond = ((left, (top + bottom) / 2), ((left + right) / 2, top), (right, (top + bottom) / 2))
    spread = spread_polygon(diamond, by)
    lows, highs = bounds(spread)[:2], bounds(spread)[2:]
    assert lows == pytest.approx((left - by, top - by), abs=0.01)
    assert highs == pytest.approx((right + by, (top + bottom) / 2 + by), abs=0.01)
    inside, around = (coverage(200, 140, [polygon]) for polygon in (diamond, spread))
    assert (around | ~inside).all()
