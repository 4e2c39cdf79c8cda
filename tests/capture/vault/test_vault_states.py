"""The table of states says what the promises need, and the page shows the table."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from capture.errors import TransitionRefused
from capture.vault.states import HELD, START, TRANSITIONS, WAITING, State, Step, after, mermaid

PAGE = Path(__file__).parents[3] / "docs" / "formats" / "vault.md"


def test_every_state_has_its_row():
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize(("state", "step"), list(product(State, Step)))
def test_a_step_leads_where_the_table_says_or_is_refused(state, step):
    if step in TRANSITIONS[state]:
        assert after(state, step) is TRANSITIONS[state][step]
        return
    with pytest.raises(TransitionRefused, match=f"{state}.*{step}"):
        after(state, step)


def test_nothing_is_erased_but_after_a_receipt():
    into_erased = {state for state, ways in TRANSITIONS.items() if State.ERASED in ways.values()}
    assert into_erased == {State.RECEIPTED, State.ERASED}
    into_receipted = {step for ways in TRANSITIONS.values() for step, to in ways.items() if to is State.RECEIPTED}
    assert into_receipted == {Step.RECEIPT}


def test_no_refusal_frees_an_envelope():
    assert {ways[Step.PARK] for ways in TRANSITIONS.values() if Step.PARK in ways} == {State.PARKED}
    assert State.PARKED in HELD


def test_every_state_is_reached_and_only_erased_is_an_end():
    reached, frontier = {START}, [START]
    while frontier:
        for to in TRANSITIONS[frontier.pop()].values():
            if to not in reached:
                reached.add(to)
                frontier.append(to)
    assert reached == set(State)
    ends = {state for state, ways in TRANSITIONS.items() if set(ways.values()) <= {state}}
    assert ends == {State.ERASED}


def test_what_waits_is_held_and_what_is_erased_is_not():
    assert WAITING < HELD
    assert State.ERASED not in HELD


def test_the_diagram_on_the_page_is_the_table():
    shown = re.search(r"```mermaid\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert shown is not None
    assert shown[1] == mermaid()
