"""Shares carry the interval that so many trials allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.evaluation import Share, wilson
from inference.evaluation.intervals import share_of


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # By hand: half of ten; all of ten is none of ten turned over.
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilson_gives_the_published_intervals(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits / trials, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_an_interval_holds_its_share_and_lies_in_0_to_1(trials: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, trials)) / trials
    low, high = wilson(share, trials)
    assert 0 <= low <= share <= high <= 1


@given(st.floats(0, 1), st.integers(1, 1000))
def test_more_trials_never_widen_an_interval(share: float, trials: int) -> None:
    low, high = wilson(share, trials)
    low_of_more, high_of_more = wilson(share, trials * 10)
    assert high_of_more - low_of_more < high - low


def test_shares_are_pooled_and_each_pair_is_one_trial() -> None:
    share = share_of([(5, 100), (0, 300)])
    assert share is not None
    assert (share.value, share.trials) == (0.0125, 2)
    assert share.interval == wilson(0.0125, 2)
    assert share_of([]) is None
    assert share_of([(0, 0)]) is None


@pytest.mark.parametrize(("part", "whole", "trials"), [(2, 1, 1), (-1, 1, 1), (0, 0, 1), (0, 1, 0)])
def test_what_is_no_share_cannot_be_made(part: float, whole: float, trials: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        Share(part, whole, trials)
