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


def test_what_is_held_grows_with_its_age() -> None:
    hold = Hold().after(FACE, [_region()], 0)
    left, _, right, _ = bounds(hold.regions(200 * MS)[0].polygon)
    assert left < 20
    assert right > 60
