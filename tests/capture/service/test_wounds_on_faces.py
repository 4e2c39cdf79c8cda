"""A wound on a face, over the real socket: what may be seen, who may say so, and what the records hold."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest

from capture.encounter import BODY_SITES
from capture.envelope import parse_envelope
from capture.errors import CameraServiceRefused, LedgerUnwritable
from capture.pictures import read_picture
from inference import Deidentifier, Kind, Region
from inference.facial import FaceLook
from inference.geometry import box_polygon
from sync.receiver.opening import open_envelope

CONSENT = {"record": True, "recognisable": True}
ENCOUNTER = {
    "patient": "PAT-4711",
    "clinician": "nurse-7",
    "body_site": next(iter(BODY_SITES)),
    "consent": {"record": True},
}
BOX = box_polygon((160, 140, 340, 380))
EYES = ((205.0, 230.0), (295.0, 230.0))
LOOK = FaceLook(BOX, 0.9, (*EYES, (250.0, 275.0), (215.0, 325.0), (285.0, 325.0)))
FOREHEAD = [[220, 145], [290, 145], [290, 180], [220, 180]]
ON_EYES = [[190, 215], [310, 215], [310, 245], [190, 245]]
SHOW = {"action": "show", "kind": "face", "by": "nurse-7", "polygon": FOREHEAD, "reason": "Needed to judge the wound"}


class Seen:
    """A detector that sees one face, and knows its features."""

    name = "seen"
    kinds = frozenset(Kind)
    models: ClassVar = {"seen": "0" * 64}

    def detect(self, _image):
        return [Region(Kind.FACE, box_polygon((110, 60, 400, 430)), 0.9, "seen")]

    def looks(self, _image, _region):
        return [LOOK, LOOK]


@pytest.fixture
def ward(device):
    seen = Seen()
    return device.with_parts(
        load_engine=lambda: Deidentifier(still=[seen], live=[seen], second_look=[], features=seen, threads=1)
    )


def ledger_of(ward):
    lines = (ward.pictures.parent / "ledger" / "camera.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["event"] == "override"]


def is_filled(pixels, x, y):
    return pixels[y - 4 : y + 4, x - 4 : x + 4].max() < 60


async def refused(asked):
    with pytest.raises(CameraServiceRefused) as caught:
        await asked
    return caught.value


def test_a_marked_wound_is_seen_and_the_record_says_who_showed_it_and_why(ward):
    async def act(client):
        still = await client.take()
        before = read_picture(await client.picture(still["id"]))
        shown = await client.decide(still["id"], [SHOW])
        after = read_picture(await client.picture(still["id"]))
        kept = await client.accept(still["id"], ENCOUNTER)
        return still, before, shown, after, kept

    still, before, shown, after, kept = ward.story(act)
    assert not still["redaction"]["recognisable"]
    assert is_filled(before, 255, 162)
    assert not is_filled(after, 255, 162), "the wound is seen"
    for x, y in (*EYES, (250, 325)):
        assert is_filled(after, int(x), int(y)), "eyes and mouth are not"
    different = np.abs(before.astype(int) - after).max(axis=2) > 40
    rows, columns = np.nonzero(different)
    assert 143 <= rows.min() <= rows.max() <= 182, "nothing but the mark changed"
    assert 218 <= columns.min() <= columns.max() <= 292
    opened = open_envelope(parse_envelope(ward.vault.read(kept["capture"])), [ward.opening]).manifest["redaction"]
    assert opened == shown["redaction"]
    assert opened["recognisable"] is True
    assert opened["shown"][0]["polygon"] == [[float(x), float(y)] for x, y in FOREHEAD]
    assert len(opened["shown"][0]["kept"]) == 4
    (decision,) = opened["decisions"]
    assert (decision["action"], decision["by"], decision["reason"]) == ("show", "nurse-7", SHOW["reason"])
    (entry,) = ledger_of(ward)
    said = {"capture": kept["capture"], "action": "show", "kind": "face", "clinician": "nurse-7"}
    assert entry["facts"] == said


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"polygon": ON_EYES}, "Nothing would be seen"),
        ({"polygon": [[110, 60], [400, 60], [400, 430], [110, 430]]}, "more of the face"),
        ({"polygon": [[500, 500], [600, 500], [600, 580]]}, "no covered face"),
        ({"kind": "text"}, "a wound on a face"),
        ({"reason": "  "}, "a wound on a face"),
        ({"polygon": None}, "a wound on a face"),
        ({"action": "remove", "index": 0, "polygon": None}, "Mark the wound on it instead"),
    ],
)
def test_a_mark_that_would_show_a_face_shows_nothing(ward, wrong, sentence):
    decision = {key: value for key, value in {**SHOW, **wrong}.items() if value is not None}

    async def act(client):
        still = await client.take()
        before = await client.picture(still["id"])
        said = await refused(client.decide(still["id"], [decision]))
        return said, before, await client.picture(still["id"]), await client.still(still["id"])

    said, before, after, still = ward.story(act)
    assert (said.status, said.error) == (400, "request_wrong")
    assert sentence in said.sentence
    assert before == after
    assert still["redaction"]["decisions"] == []
    assert ledger_of(ward) == []


FEATURES = {**SHOW, "polygon": ON_EYES, "features": True}


@pytest.mark.parametrize(
    ("may", "said"),
    [
        (True, {}),
        (True, {"consent": {"recognisable": False}}),
        (False, {"consent": {"recognisable": True}}),
        (None, {"consent": {"recognisable": True}}),
    ],
    ids=["no consent is said", "the patient did not agree", "the role may not", "as delivered nobody may"],
)
def test_eyes_and_mouth_need_a_consent_and_a_role(ward, may, said):
    if may is not None:
        ward = ward.with_parts(may_show_features=lambda _by: may)

    async def act(client):
        still = await client.take()
        before = await client.picture(still["id"])
        for decision in (FEATURES, {**FEATURES, "action": "remove", "index": 0}):
            refusal = await refused(client.decide(still["id"], [{**decision, **said}]))
            assert (refusal.status, refusal.error) == (403, "features_forbidden")
        return before, await client.picture(still["id"])

    before, after = ward.story(act)
    assert before == after
    assert ledger_of(ward) == []


def test_with_role_and_consent_the_eyes_are_seen_and_the_encounter_must_say_so_too(ward):
    ward = ward.with_parts(may_show_features=lambda by: by == "lead-1")
    decision = {**FEATURES, "by": "lead-1", "consent": {"recognisable": True}}

    async def act(client):
        still = await client.take()
        await client.decide(still["id"], [decision])
        seen = read_picture(await client.picture(still["id"]))
        said = await refused(client.accept(still["id"], ENCOUNTER))
        nothing_yet = ward.vault.entries()
        return seen, said, nothing_yet, await client.accept(still["id"], {**ENCOUNTER, "consent": CONSENT})

    seen, said, nothing_yet, kept = ward.story(act)
    assert not is_filled(seen, 205, 230)
    assert (said.status, said.error) == (403, "features_forbidden")
    assert nothing_yet == ()
    manifest = open_envelope(parse_envelope(ward.vault.read(kept["capture"])), [ward.opening]).manifest
    assert manifest["encounter"]["consent"]["recognisable"] is True
    assert manifest["redaction"]["decisions"][0]["features"] is True
    assert [entry["facts"]["action"] for entry in ledger_of(ward)] == ["show-features"]


def test_what_the_ledger_cannot_say_is_not_uncovered(ward):
    class Refusing:
        def append(self, *_event, **_facts):
            raise LedgerUnwritable

    async def act(client):
        still = await client.take()
        before = await client.picture(still["id"])
        said = await refused(client.decide(still["id"], [SHOW]))
        return said, before, await client.picture(still["id"])

    said, before, after = ward.with_parts(ledger=Refusing()).story(act)
    assert said.error == "ledger_unusable"
    assert before == after


def test_a_name_that_is_no_badge_is_in_the_record_and_not_on_the_ledger(ward):
    async def act(client):
        still = await client.take()
        return await client.decide(still["id"], [{**SHOW, "by": "Anna Miller"}])

    assert ward.story(act)["redaction"]["decisions"][0]["by"] == "Anna Miller"
    (entry,) = ledger_of(ward)
    assert "clinician" not in entry["facts"]
