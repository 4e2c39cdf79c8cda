"""What is written down of a picture is read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.encounter import BODY_SITES, MAX_NAME, Consent, Encounter, Laterality
from capture.record import encounter_from_json, encounter_to_json, redaction_from_json, redaction_to_json
from inference.picture import Action, Decision, Kind, Outcome, Redaction, Region, Shown

names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=MAX_NAME)
encounters = st.builds(
    Encounter,
    patient=names,
    clinician=names,
    body_site=st.sampled_from(sorted(BODY_SITES)),
    laterality=st.sampled_from([None, *Laterality]),
    consent=st.builds(
        Consent, record=st.just(True), second_opinion=st.booleans(), teaching=st.booleans(), recognisable=st.booleans()
    ),
    note=st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=40),
    series=names | st.just(""),
    urgent=st.booleans(),
)
tenths = st.integers(-1000, 60_000).map(lambda tenth: tenth / 10)
polygons = st.lists(st.tuples(tenths, tenths), min_size=3, max_size=6).map(tuple)
scores = st.integers(0, 10_000).map(lambda score: score / 10_000)
regions = st.builds(
    Region, kind=st.sampled_from(Kind), polygon=polygons, score=scores, model=st.sampled_from(["centerface", "person"])
)
times = st.integers(0, 2**50)
decisions = st.one_of(
    st.builds(
        Decision,
        action=st.just(Action.ADD),
        kind=st.sampled_from(Kind),
        by=names,
        at_ms=times,
        polygon=polygons,
    ),
    st.builds(
        Decision,
        action=st.just(Action.REMOVE),
        kind=st.sampled_from(Kind),
        by=names,
        at_ms=times,
        index=st.integers(0, 9),
        reason=names,
    ),
    st.builds(
        Decision,
        action=st.just(Action.SHOW),
        kind=st.just(Kind.FACE),
        by=names,
        at_ms=times,
        polygon=polygons,
        reason=names,
        features=st.booleans(),
    ),
    st.builds(
        Decision,
        action=st.sampled_from([Action.CONFIRM, Action.LEAVE]),
        kind=st.sampled_from(Kind),
        by=names,
        at_ms=times,
    ),
)
redactions = st.builds(
    Redaction,
    width=st.integers(1, 9000),
    height=st.integers(1, 9000),
    regions=st.lists(regions, max_size=3).map(tuple),
    outcomes=st.fixed_dictionaries({kind: st.sampled_from(Outcome) for kind in Kind}),
    models=st.dictionaries(st.sampled_from(["a", "b"]), st.just("0" * 64)),
    thresholds=st.dictionaries(st.sampled_from(["a", "b"]), scores),
    policy=names,
    second_look=st.sampled_from(Outcome),
    decisions=st.lists(decisions, max_size=3).map(tuple),
    shown=st.lists(st.builds(Shown, polygons, st.lists(polygons, max_size=2).map(tuple)), max_size=2).map(tuple),
)


@given(encounters)
def test_an_encounter_is_read_back_as_it_was(encounter):
    assert encounter_from_json(json.loads(json.dumps(encounter_to_json(encounter)))) == encounter


@given(redactions)
def test_a_redaction_is_read_back_as_it_was(redaction):
    assert redaction_from_json(json.loads(json.dumps(redaction_to_json(redaction)))) == redaction


GOOD = encounter_to_json(Encounter("MRN-1", "b-1", "84607009", None, Consent(record=True)))
REDACTION = redaction_to_json(
    Redaction(
        width=10,
        height=10,
        regions=(Region(Kind.FACE, ((0, 0), (1, 0), (1, 1)), 0.5, "m"),),
        outcomes=dict.fromkeys(Kind, Outcome.CLEAR),
        models={},
        thresholds={"face": 0.5},
        policy="1",
        second_look=Outcome.CLEAR,
        decisions=(Decision(Action.CONFIRM, Kind.FACE, "b-1", 5),),
    )
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def test_a_panel_may_send_the_code_alone_and_leave_out_what_is_plain():
    short = {"patient": "MRN-1", "clinician": "b-1", "body_site": "84607009", "consent": {"record": True}}
    assert encounter_from_json(short) == encounter_from_json(GOOD)


def test_a_record_of_before_faces_could_be_shown_is_read():
    older = {name: value for name, value in REDACTION.items() if name not in ("shown", "recognisable")}
    assert redaction_from_json(older) == redaction_from_json(REDACTION)
    consent = {name: value for name, value in GOOD["consent"].items() if name != "recognisable"}
    assert encounter_from_json(GOOD | {"consent": consent}) == encounter_from_json(GOOD)


def test_a_record_that_hides_that_a_face_was_shown_is_refused():
    shown = [{"polygon": [[0, 0], [1, 0], [1, 1]], "kept": []}]
    assert redaction_from_json(REDACTION | {"shown": shown, "recognisable": True}).recognisable
    for wrong in ({"shown": shown, "recognisable": False}, {"recognisable": True}, {"shown": [{"kept": []}]}):
        with pytest.raises(ValueError, match=r"."):
            redaction_from_json(REDACTION | wrong)


@given(json_values)
def test_anything_else_is_a_value_error(value):
    for read in (encounter_from_json, redaction_from_json):
        with pytest.raises(ValueError, match=r"."):
            read(value)


@given(st.data())
def test_any_field_of_any_type_is_taken_or_a_value_error(data):
    for good, read in ((GOOD, encounter_from_json), (REDACTION, redaction_from_json)):
        changed = json.loads(json.dumps(good))
        place = changed
        while isinstance(place, dict | list) and place:
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
                place[key] = data.draw(json_values)
                break
            place = place[key]
        try:
            read(changed)
        except ValueError:
            continue


@pytest.mark.parametrize(
    "changes",
    [{"laterality": "up"}, {"urgent": "yes"}, {"consent": {"record": 1}}, {"unknown": 1}, {"patient": 7}],
    ids=repr,
)
def test_a_wrong_encounter_is_refused_with_a_reason(changes):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        encounter_from_json(GOOD | changes)


def test_a_polygon_needs_three_pairs():
    for polygon in ([[0, 0], [1, 1]], [[0, 0, 0], [1, 1, 1], [2, 2, 2]], [[0, "a"], [1, 1], [2, 2]], 5):
        region = REDACTION["regions"][0] | {"polygon": polygon}
        with pytest.raises(ValueError, match=r"."):
            redaction_from_json(REDACTION | {"regions": [region]})


def test_numbers_are_rounded_to_what_they_can_mean():
    redaction = replace(
        redaction_from_json(REDACTION), regions=(Region(Kind.FACE, ((0.123, 0), (1, 0), (1, 1)), 0.123456, "m"),)
    )
    region = redaction_to_json(redaction)["regions"][0]
    assert region["polygon"][0] == [0.1, 0.0]
    assert region["score"] == 0.1235
