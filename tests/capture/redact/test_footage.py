"""What a file says of its frames' times, as times that what is held can be counted in."""

from __future__ import annotations

import math

import pytest

from capture.redact.footage import PlayTime

MS = 1_000_000


def times(rate, said):
    clock = PlayTime(rate)
    return [clock.next(ms) for ms in said]


@pytest.mark.parametrize(
    ("said", "step_ms"),
    [
        ([n * 40.0 for n in range(600)], 40),
        ([n * 4.0 for n in range(600)], 4),
        ([n * 1.0 for n in range(600)], 40),
        ([n * 1e-6 for n in range(600)], 40),
        ([0.0] * 600, 40),
        ([-n * 40.0 for n in range(600)], 40),
        ([math.nan] * 600, 40),
        ([n * 5000.0 for n in range(600)], 200),
    ],
    ids=["as usual", "240 a second", "1,000 a second", "a million a second", "none", "backwards", "not one", "slides"],
)
def test_frames_follow_each_other_as_a_film_shows_them(said, step_ms):
    assert times(25.0, said) == [n * step_ms * MS for n in range(600)]
