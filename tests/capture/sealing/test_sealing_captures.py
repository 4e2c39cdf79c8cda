"""From a reviewed picture to an envelope, and what never becomes one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from capture.encounter import Consent, Encounter, Laterality
from capture.errors import StillUnanswered
from capture.identifiers import CaptureId, DeviceId
from capture.record import encounter_from_json, redaction_from_json
from capture.scale_marker import Marker
from capture.sealing import Capture, DeviceFacts, seal_capture
from inference import picture
from inference.picture import Action, Decision, Frame, Kind, Outcome, Photo, Redaction, Region
from sync.receiver.opening import open_envelope

ENCOUNTER = Encounter("CANARY-MRN-4711", "b-1", "84607009", Laterality.LEFT, Consent(record=True), note="CANARY-note")


SEEN = Region(Kind.TATTOO, ((1, 1), (9, 1), (9, 9)), 0.9, "m")


def photo_with(
    *, tattoo: Outcome = Outcome.CLEAR, decisions: tuple[Decision, ...] = (), on_wound: bool = False
) -> Photo:
    pixels = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    redaction = Redaction(
        width=64,
        height=48,
        regions=(SEEN,) if on_wound else (),
        outcomes={kind: tattoo if kind is Kind.TATTOO else Outcome.CLEAR for kind in Kind},
        models={"centerface": "0" * 64},
        thresholds={"face": 0.5},
        policy="1",
        second_look=Outcome.CLEAR,
        decisions=decisions,
    )
    return Photo(pixels, redaction, {}, mint=picture._MINT)


@pytest.fixture
def capture(maker):
    facts = DeviceFacts(maker.DEVICE, "0.1.0", "replay")
    return Capture(
        maker.CAPTURE, photo_with(), ENCOUNTER, 1_700_000_000_000, facts, Marker(seen=True, pixels_per_mm=9.5)
    )


def test_the_hospital_opens_what_the_clinician_saw(maker, capture):
    envelope = seal_capture(capture, maker.CONTEXT)
    opened = open_envelope(envelope, [maker.SITE_KEY])
    manifest = opened.manifest
    assert encounter_from_json(manifest["encounter"]) == ENCOUNTER
    assert redaction_from_json(manifest["redaction"]) == capture.photo.redaction
    assert manifest["encounter"]["body_site"]["term"] == "Skin of heel"
    assert manifest["marker"] == {"seen": True, "pixels_per_mm": 9.5}
    assert manifest["taken_at_ms"] == 1_700_000_000_000
    assert manifest["device"] == {"id": maker.DEVICE, "software": "0.1.0", "camera": "replay"}
    assert (manifest["image"]["width"], manifest["image"]["height"]) == (64, 48)
    assert manifest["image"]["bytes"] == len(opened.jpeg)
    assert opened.jpeg.startswith(b"\xff\xd8")
    assert opened.jpeg.endswith(b"\xff\xd9")


def test_no_word_about_the_patient_is_in_the_envelopes_bytes(maker, capture):
    assert b"CANARY" not in seal_capture(capture, maker.CONTEXT).raw


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_question_that_nobody_answered_is_never_sealed(capture, outcome):
    if outcome is not Outcome.UNSURE:
        replace(capture, photo=photo_with(tattoo=outcome))
        return
    with pytest.raises(StillUnanswered, match="tattoo") as refused:
        replace(capture, photo=photo_with(tattoo=outcome))
    assert refused.value.kinds == ("tattoo",)


def test_a_question_that_a_person_answered_is_sealed_with_the_answer(maker, capture):
    confirmed = Decision(Action.CONFIRM, Kind.TATTOO, "b-1", 5)
    answered = replace(capture, photo=photo_with(tattoo=Outcome.UNSURE, decisions=(confirmed,)))
    manifest = open_envelope(seal_capture(answered, maker.CONTEXT), [maker.SITE_KEY]).manifest
    assert manifest["redaction"]["outcomes"]["tattoo"] == "unsure"
    assert manifest["redaction"]["decisions"][0]["by"] == "b-1"


def test_what_may_hide_a_wound_is_sealed_only_with_the_word_of_who_looked(maker, capture):
    confirmed, left = (Decision(action, Kind.TATTOO, "b-1", 5) for action in (Action.CONFIRM, Action.LEAVE))
    with pytest.raises(StillUnanswered, match="tattoo") as refused:
        replace(capture, photo=photo_with(tattoo=Outcome.UNSURE, decisions=(confirmed,), on_wound=True))
    assert (refused.value.kinds, refused.value.hiding) == ((), ("tattoo",))
    answered = photo_with(tattoo=Outcome.UNSURE, decisions=(confirmed, left), on_wound=True)
    sealed = seal_capture(replace(capture, photo=answered), maker.CONTEXT)
    manifest = open_envelope(sealed, [maker.SITE_KEY]).manifest
    assert [one["action"] for one in manifest["redaction"]["decisions"]] == ["confirm", "leave"]


@pytest.mark.parametrize("raw", [np.zeros((4, 4, 3), np.uint8), Frame(np.zeros((4, 4, 3), np.uint8), 0), b"\xff\xd8"])
def test_raw_pixels_never_become_a_capture(capture, raw):
    with pytest.raises(TypeError, match="only a Photo"):
        replace(capture, photo=raw)


def test_a_context_of_another_capture_or_device_seals_nothing(maker, capture):
    for changes in ({"capture": CaptureId("f" * 32)}, {"device": DeviceId("other")}):
        with pytest.raises(ValueError, match="another"):
            seal_capture(capture, replace(maker.CONTEXT, **changes))
