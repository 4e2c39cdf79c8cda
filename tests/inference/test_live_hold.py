"""The live view between looks: what was seen stays covered until it was looked for and missed for long enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference import Kind, Region
from inference.covering import coverage
from inference.geometry import bounds, box_polygon
from inference.hold import HOLD_NS, Hold

FACE = frozenset({Kind.FACE})
TEXT = frozenset({Kind.TEXT})
MS = 1_000_000


def _region(kind: Kind = Kind.FACE, left: float = 20) -> Region:
    return Region(kind, box_polygon((left, 20, left + 40, 60)), 0.9, "m")


@given(st.lists(st.booleans(), max_size=20))
def test_a_face_that_blinks_in_and_out_is_always_covered(seen: list[bool]) -> None:
    """However frames fall, a face seen within the hold time is covered."""
    hold, last = Hold(), None
    for step, there in enumerate(seen):
        now = step * 50 * MS
        hold = hold.after(FACE, [_region()] if there else [], now)
        last = now if there else last
        if last is not None and now - last <= HOLD_NS:
            mask = coverage(120, 100, [r.polygon for r in hold.regions(now)])
            assert mask[21:59, 21:59].all()


def test_a_face_is_let_go_once_it_was_missed_for_the_hold_time() -> None:
    hold = Hold().after(FACE, [_region()], 0)
    assert hold.after(FACE, [], HOLD_NS).regions(HOLD_NS)
    assert not hold.after(FACE, [], HOLD_NS + 1).regions(HOLD_NS + 1)


def test_a_look_for_one_kind_says_nothing_of_another() -> None:
    hold = Hold().after(TEXT, [_region(Kind.TEXT)], 0)
    later = hold.after(FACE, [], 10 * HOLD_NS)
    assert [r.kind for r in later.regions(10 * HOLD_NS)] == [Kind.TEXT]


def test_a_region_seen_again_replaces_the_one_that_was_held() -> None:
    hold = Hold().after(FACE, [_region(left=20)], 0).after(FACE, [_region(left=26)], 50 * MS)
    assert len(hold.held) == 1
    assert bounds(hold.regions(50 * MS)[0].polygon)[0] == 26


BAND = Region(Kind.TEXT, box_polygon((10, 10, 110, 60)), 0.9, "skin")
WORD = Region(Kind.TEXT, box_polygon((30, 20, 70, 36)), 0.9, "reader")


def _covers(hold: Hold, region: Region, now: int) -> bool:
    left, top, right, bottom = (round(value) for value in bounds(region.polygon))
    mask = coverage(160, 120, [held.polygon for held in hold.regions(now)])
    return bool(mask[top:bottom, left:right].all())


def test_who_reads_a_line_does_not_end_what_another_sees_around_it() -> None:
    hold = Hold().after("skin", [BAND], 0)
    for step in range(1, 40):
        hold = hold.after("reader", [WORD], step * 33 * MS)
        if step % 6 == 0:
            hold = hold.after("skin", [BAND], step * 33 * MS)
        assert _covers(hold, BAND, step * 33 * MS)


def test_what_nobody_else_looked_for_is_let_go_by_who_found_it_alone() -> None:
    later = 2 * HOLD_NS
    hold = Hold().after("skin", [BAND], 0).after("reader", [], later)
    assert _covers(hold, BAND, later)
    assert not hold.after("skin", [], later).regions(later)


@given(st.lists(st.sampled_from([0.1, 0.5, 0.79]), min_size=1, max_size=7))
def test_a_part_that_is_found_of_a_face_ends_nothing_before_its_time(parts: list[float]) -> None:
    face = _region()
    hold = Hold().after(FACE, [face], 0)
    for step, share in enumerate(parts, start=1):
        part = Region(Kind.FACE, box_polygon((20, 20, 20 + 40 * share, 60)), 0.5, "m")
        hold = hold.after(FACE, [part], step * 50 * MS)
        assert _covers(hold, face, step * 50 * MS)
    assert len(hold.after(FACE, [face], 401 * MS).held) == 1, "seen whole again, it stands for its parts"


def test_what_is_held_grows_with_its_age() -> None:
    hold = Hold().after(FACE, [_region()], 0)
    left, _, right, _ = bounds(hold.regions(200 * MS)[0].polygon)
    assert left < 20
    assert right > 60
