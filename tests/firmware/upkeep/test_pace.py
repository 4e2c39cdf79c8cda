"""When a device calls: soon after its start, every few minutes then, and never all of a fleet at once."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from firmware.upkeep.pace import CALL_SECONDS, FIRST_SECONDS, LONGEST_RENEWAL_SECONDS, Pace

chances = st.floats(0, 1, exclude_max=True)
moments = st.floats(0, 1e9)


@given(moments, chances)
def test_the_first_call_comes_soon_and_the_next_within_minutes(now, chance):
    begun = Pace.begun(now, lambda: chance)
    assert 0 <= begun.wait(now) <= FIRST_SECONDS + 1e-6
    wait = begun.answered(now, lambda: chance).wait(now)
    assert CALL_SECONDS / 2 - 1e-6 <= wait <= CALL_SECONDS + 1e-6


@given(moments, st.lists(chances, min_size=1, max_size=40))
def test_calls_that_nobody_answers_back_off_to_five_minutes_and_no_more(now, drawn):
    pace = Pace.begun(now, lambda: 0.0)
    for count, chance in enumerate(drawn):
        pace = pace.unanswered(now, lambda chance=chance: chance)
        assert pace.wait(now) <= min(300.0, 2.0**count) + 1e-6
    assert pace.answered(now, lambda: 0.0).missed == 0


def test_a_fleet_that_lost_its_server_does_not_come_back_as_one():
    chance = random.Random(7).random
    paces = [Pace.begun(0.0, chance) for _ in range(1000)]
    for _ in range(10):
        paces = [pace.unanswered(0.0, chance) for pace in paces]
    in_one_second = max(sum(second <= pace.next_call < second + 1 for pace in paces) for second in range(300))
    assert in_one_second < 20


@given(moments, st.lists(chances, min_size=1, max_size=40))
def test_a_renewal_that_is_refused_is_asked_for_again_within_six_hours(now, drawn):
    pace = Pace.begun(now, lambda: 0.0)
    assert pace.may_renew(now)
    for chance in drawn:
        pace = pace.not_renewed(now, lambda chance=chance: chance)
        assert pace.may_renew(now + LONGEST_RENEWAL_SECONDS)
    assert pace.renewed().may_renew(now)


def test_a_renewal_that_was_just_refused_is_not_asked_for_with_the_next_call():
    pace = Pace.begun(0.0, lambda: 0.5).not_renewed(0.0, lambda: 0.5).not_renewed(0.0, lambda: 0.5)
    assert not pace.may_renew(59.0)
    assert pace.may_renew(60.0)
