"""What is covered and what is asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Kind, Outcome, Region
from inference.covering import coverage
from inference.geometry import box_polygon
from inference.policy import NEVER_CLEAR, Pair, Thresholds, covered, outcomes, still_visible

LIMITS = Thresholds(face=Pair(0.3, 0.6))
ALL = frozenset(Kind)


def _face(score: float, box: tuple[float, ...] = (10, 10, 50, 60)) -> Region:
    return Region(Kind.FACE, box_polygon(box), score, "m")


@given(st.lists(st.floats(0, 1), max_size=5))
def test_found_clear_and_unsure_follow_the_two_thresholds(scores: list[float]) -> None:
    kept = covered([_face(s, (60 * i, 0, 60 * i + 50, 50)) for i, s in enumerate(scores)], LIMITS)
    counted = [s for s in scores if s >= 0.3]
    assert sorted(r.score for r in kept) == sorted(counted)
    answer = outcomes(kept, ALL, LIMITS)[Kind.FACE]
    if any(s < 0.6 for s in counted):
        assert answer is Outcome.UNSURE
    else:
        assert answer is (Outcome.FOUND if counted else Outcome.CLEAR)


def test_a_face_seen_surely_and_again_less_surely_in_the_same_place_asks_nobody() -> None:
    twice = covered([_face(0.9), _face(0.4, (14, 14, 54, 62))], LIMITS)
    assert len(twice) == 2
    assert outcomes(twice, ALL, LIMITS)[Kind.FACE] is Outcome.FOUND
    apart = covered([_face(0.9), _face(0.4, (80, 80, 120, 120))], LIMITS)
    assert outcomes(apart, ALL, LIMITS)[Kind.FACE] is Outcome.UNSURE


@pytest.mark.parametrize(("label", "answer"), [((0, 0, 60, 70), Outcome.FOUND), ((0, 0, 45, 70), Outcome.UNSURE)])
def test_a_doubtful_code_asks_unless_all_of_it_is_hidden_by_a_sure_label(
    label: tuple[int, ...], answer: Outcome
) -> None:
    code = Region(Kind.CODE, box_polygon((10, 10, 50, 60)), LIMITS.code.ask, "m")
    text = Region(Kind.TEXT, box_polygon(label), LIMITS.text.cover, "m")
    regions = covered([code, text], LIMITS)
    assert code in regions
    assert outcomes(regions, ALL, LIMITS)[Kind.CODE] is answer


def test_what_doubtful_regions_hide_settles_nothing() -> None:
    code = Region(Kind.CODE, box_polygon((10, 10, 50, 60)), LIMITS.code.ask, "m")
    regions = covered([code, _face(0.4, (0, 0, 60, 70))], LIMITS)
    assert outcomes(regions, ALL, LIMITS)[Kind.CODE] is Outcome.UNSURE


def test_a_kind_that_is_never_clear_is_not_settled_by_what_hides_it() -> None:
    tattoo = Region(Kind.TATTOO, box_polygon((10, 10, 50, 60)), LIMITS.tattoo.ask, "m")
    text = Region(Kind.TEXT, box_polygon((0, 0, 60, 70)), 0.9, "m")
    assert outcomes([tattoo, text], ALL, LIMITS, NEVER_CLEAR)[Kind.TATTOO] is Outcome.UNSURE


@given(st.sets(st.sampled_from(list(Kind))))
def test_nobody_looked_is_unsure(looked: set[Kind]) -> None:
    answers = outcomes([], looked, LIMITS)
    assert {k for k, a in answers.items() if a is Outcome.UNSURE} == set(Kind) - looked
    assert {k for k, a in answers.items() if a is Outcome.CLEAR} == looked


def test_a_kind_whose_detector_misses_too_much_is_found_or_unsure_and_never_clear() -> None:
    sure = Region(Kind.TATTOO, box_polygon((10, 10, 50, 60)), 1.0, "m")
    assert outcomes([], ALL, LIMITS, NEVER_CLEAR)[Kind.TATTOO] is Outcome.UNSURE
    assert outcomes([sure], ALL, LIMITS, NEVER_CLEAR)[Kind.TATTOO] is Outcome.FOUND
    assert outcomes([], ALL, LIMITS, NEVER_CLEAR)[Kind.TEXT] is Outcome.CLEAR


def test_what_may_be_an_identifier_is_covered_and_asked_about() -> None:
    kept = covered([_face(0.4)], LIMITS)
    assert len(kept) == 1
    assert outcomes(kept, ALL, LIMITS)[Kind.FACE] is Outcome.UNSURE


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.floats(0.3, 1)), max_size=8))
def test_dropping_needless_regions_never_uncovers_more_than_a_sliver(rows: list[tuple[int, int, float]]) -> None:
    regions = [_face(score, (x, y, x + 40, y + 40)) for x, y, score in rows]
    everything = coverage(120, 120, [r.polygon for r in regions])
    kept = coverage(120, 120, [r.polygon for r in covered(regions, LIMITS)])
    assert (everything & ~kept).sum() <= 0.05 * max(1, everything.sum())


def test_what_the_fill_itself_looks_like_is_not_found_again() -> None:
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[10:60, 10:50] = True
    assert still_visible([_face(0.9)], mask, LIMITS) == ()
    elsewhere = _face(0.9, (60, 60, 90, 90))
    assert still_visible([elsewhere], mask, LIMITS) == (elsewhere,)


def test_a_second_look_beyond_the_picture_finds_nothing() -> None:
    assert still_visible([_face(0.9, (200, 200, 250, 250))], np.zeros((100, 100), dtype=np.bool_), LIMITS) == ()


@pytest.mark.parametrize(("ask", "cover"), [(0.0, 0.5), (0.6, 0.5), (0.5, 1.1), (float("nan"), 0.5)])
def test_thresholds_that_make_no_sense_are_refused(ask: float, cover: float) -> None:
    with pytest.raises(ValueError, match="thresholds"):
        Pair(ask, cover)


def test_the_record_names_the_thresholds_of_the_kinds_that_were_looked_for() -> None:
    assert LIMITS.facts([Kind.FACE]) == {"face.ask": 0.3, "face.cover": 0.6}
