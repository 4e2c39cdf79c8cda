"""Nothing about a patient fits on the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.ledger.events import FIELDS, Fact, LedgerEvent, checked

SAMPLES = {
    Fact.CAPTURE: "0" * 32,
    Fact.COUNT: 7,
    Fact.HASH: "a" * 64,
    Fact.HEX: "0f",
    Fact.SLUG: "by-hand",
    Fact.STAFF: "B-1001",
    Fact.VERSION: "0.1.0+3",
}


def sample(event):
    return {name: SAMPLES[kind] for name, kind in FIELDS[event].required.items()}


def test_every_event_has_its_fields():
    assert set(FIELDS) == set(LedgerEvent)
    assert len({event.value for event in LedgerEvent}) == len(LedgerEvent)


@pytest.mark.parametrize("event", list(LedgerEvent))
def test_an_event_takes_its_fields_and_no_other(event):
    facts = sample(event)
    assert checked(event, facts) == facts
    everything = facts | {name: SAMPLES[kind] for name, kind in FIELDS[event].optional.items()}
    assert checked(event, everything) == everything
    with pytest.raises(ValueError, match="may take"):
        checked(event, facts | {"patient": "x"})
    for name in facts:
        with pytest.raises(ValueError, match="takes"):
            checked(event, {key: value for key, value in facts.items() if key != name})


@pytest.mark.parametrize("event", list(LedgerEvent))
@pytest.mark.parametrize("text", ["Anna Meier", "Meier, Anna *1950-01-01", "née", "line\nbreak", "", "x" * 65])
def test_no_field_takes_a_name_a_date_of_birth_or_a_note(event, text):
    for name in {**FIELDS[event].required, **FIELDS[event].optional}:
        with pytest.raises(ValueError, match=name) as refused:
            checked(event, sample(event) | {name: text})
        assert not text or text not in str(refused.value)


@given(st.text(min_size=1, max_size=80).filter(lambda text: any(sign in text for sign in " ,;äöüßéñ\n")))
def test_no_text_with_a_space_a_comma_or_an_accent_fits_any_form(text):
    for event in LedgerEvent:
        for name in FIELDS[event].required:
            with pytest.raises(ValueError, match=name):
                checked(event, sample(event) | {name: text})


@pytest.mark.parametrize("value", [True, -1, 1.0, 2**53, "7", None])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(ValueError, match="version must be a whole number"):
        checked(LedgerEvent.MANIFEST_TAKEN, {"version": value})
