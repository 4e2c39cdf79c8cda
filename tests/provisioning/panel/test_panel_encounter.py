"""Whom and what the next picture is of: wound series, what is offered again and to whom, consent, the note."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from capture.encounter import Laterality
from capture.wounds import Wound, parse_series
from provisioning.panel import PanelSettings
from provisioning.panel.draft import Draft, DraftConsent
from provisioning.panel.encounter_view import day, place
from provisioning.panel.known_wounds import (
    HELD_SECONDS,
    MOST_PATIENTS,
    MOST_WOUNDS,
    Known,
    KnownWounds,
    wound_of,
)
from provisioning.panel.languages import LANGUAGES

LEFT_HEEL = {
    "patient": "P-1",
    "body_site": "84607009",
    "side": "left",
    "consent": {"record": True, "second_opinion": True, "teaching": False},
    "note": "",
}
SHOW = {"action": "show", "kind": "face", "polygon": [[1, 1], [5, 1], [5, 5]], "reason": "Needed to judge the wound"}
TODAY = date(2026, 3, 1)
HEEL = Wound("84607009", Laterality.LEFT, date(2026, 2, 11))


def put(client, **fields):
    answer = client.put("/encounter", json=LEFT_HEEL | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def decide(client, still, decision, edition=0):
    return client.post("/review/decision", json={"still": still, "edition": edition, "decision": decision})


def take(client, bench, patient="P-1") -> dict:
    """One picture from shutter to queue; gives the encounter that was sealed with it."""
    client.post("/shutter")
    (still,) = bench.camera.stills
    decide(client, still, {"action": "confirm", "kind": "tattoo"})
    answer = client.post("/review/accept", json={"still": still, "patient": patient})
    assert answer.status_code == 201, answer.text
    return dict(bench.camera.accepted[-1])


def test_a_new_wound_is_there_since_today_until_somebody_says_another_day(signed_in, bench):
    said = put(signed_in)
    assert (said["site"], said["since"], said["wound"]) == ("Heel, left", "today", {"since": "2026-03-01", "number": 1})
    assert put(signed_in, since="2026-02-11")["since"] == "11 Feb"
    assert put(signed_in, since="2025-11-12")["since"] == "12 Nov 2025"
    assert take(signed_in, bench)["series"] == "84607009.left.2025-11-12.1"


def test_the_series_in_the_record_names_the_place_and_the_side_of_its_picture(signed_in, bench):
    put(signed_in, body_site="22180002", side="right", since="2026-02-01", number=2)
    sealed = take(signed_in, bench)
    wound = parse_series(sealed["series"])
    assert (wound.body_site, wound.side) == (sealed["body_site"], sealed["laterality"]) == ("22180002", "right")
    assert (wound.since, wound.number) == (date(2026, 2, 1), 2)


def test_the_next_picture_of_a_place_goes_on_with_the_wound_that_was_photographed_there(signed_in, bench):
    put(signed_in, since="2026-02-11")
    take(signed_in, bench)
    bench.wall += timedelta(days=2)
    put(signed_in, body_site="54735007", side=None)
    assert put(signed_in)["since"] == "11 Feb"
    assert take(signed_in, bench)["series"] == HEEL.series
    assert put(signed_in, side="right")["since"] == "today", "the other heel is another wound"


def test_a_wound_is_offered_again_with_the_consent_given_then_and_nothing_else_of_that_picture(signed_in, bench):
    put(signed_in, since="2026-02-11", note="After cleaning", urgent=True)
    take(signed_in, bench)
    said = put(signed_in, body_site="", side=None, consent={"record": True, "second_opinion": False, "teaching": False})
    (offer,) = said["again"]
    assert (offer["title"], offer["when"]) == ("Heel, left", "since 11 Feb")
    said = signed_in.post("/encounter/again", json={"series": offer["series"]}).json()
    assert (said["site"], said["since"], said["missing"]) == ("Heel, left", "11 Feb", [])
    assert said["draft"]["consent"]["second_opinion"] is True
    assert (said["draft"]["note"], said["draft"]["urgent"]) == ("", False)
    assert said["again"] == [], "what is chosen is not offered"


def test_who_names_the_patient_is_offered_the_wounds_after_a_lock_and_nobody_else_is(bench):
    app = bench.app()
    with bench.client(app) as client:
        bench.sign_in(client)
        put(client)
        take(client, bench)
        client.post("/lock")
        bench.sign_in(client, "4712")
        page = client.get("/shoot").text
        assert "P-1" not in page
        assert "84607009.left" not in page
        nobody = put(client, patient="", body_site="", side=None)
        assert (nobody["again"], nobody["here"]) == ([], [])
        assert put(client, patient="P-2", body_site="", side=None)["again"] == []
        assert client.post("/encounter/again", json={"series": "84607009.left.2026-03-01.1"}).status_code == 404
        (offer,) = put(client, patient="P-1", body_site="", side=None)["again"]
        assert offer["title"] == "Heel, left"


def test_the_memory_of_wounds_holds_no_reference_and_ends_with_the_process(bench):
    app = bench.app()
    with bench.client(app) as client:
        bench.sign_in(client)
        put(client, patient="MRN-40213")
        take(client, bench, "MRN-40213")
        wounds = app.state.desk.wounds
        assert "40213" not in repr(wounds)
        assert "40213" not in repr([(name, held) for name, held in wounds._held.items()])
    with bench.client() as client:
        bench.sign_in(client)
        assert put(client, patient="MRN-40213", body_site="", side=None)["again"] == []


def test_another_patient_begins_with_nothing_of_the_one_before(signed_in):
    put(signed_in, note="Smells", urgent=True)
    said = put(signed_in, patient="P-2", note="Smells", urgent=True)
    assert said["draft"]["patient"] == "P-2"
    assert (said["draft"]["body_site"], said["draft"]["note"], said["draft"]["urgent"]) == ("", "", False)
    assert said["draft"]["consent"]["second_opinion"] is False
    assert said["missing"] == ["body_site"]


def test_a_patient_who_is_named_last_keeps_what_was_said_before(signed_in):
    put(signed_in, patient="")
    assert put(signed_in)["missing"] == []


def test_while_the_clock_is_wrong_no_day_is_made_up_and_the_picture_is_in_no_series(signed_in, bench):
    bench.wall = bench.wall.replace(year=1970)
    said = put(signed_in)
    assert (said["since"], said["wound"], said["today"]) == ("", None, None)
    assert take(signed_in, bench)["series"] == ""
    assert put(signed_in, since="2026-02-11")["wound"] == {"since": "2026-02-11", "number": 1}


@pytest.mark.parametrize(
    ("fields", "slug", "sentence"),
    [
        ({"note": "x" * 501}, "note-refused", "The note was not kept: the note has at most 500 characters."),
        ({"note": "a\u202eb"}, "note-refused", "The note was not kept: the note holds signs that cannot be shown."),
        ({"since": "2026-03-02"}, "day-refused", "That day is still to come."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_and_in_german(signed_in, fields, slug, sentence):
    answer = signed_in.put("/encounter", json=LEFT_HEEL | fields)
    assert (answer.status_code, answer.json()["error"]) == (422, slug)
    assert answer.json()["sentence"].startswith(sentence)
    signed_in.post("/look", json={"language": "de"})
    german = signed_in.put("/encounter", json=LEFT_HEEL | fields).json()["sentence"]
    assert not any(word in german for word in ("note", "day", "the ")), german


def test_consent_to_be_recognisable_is_kept_only_for_a_role_that_may_show_it(signed_in, bench):
    agreed = {"record": True, "second_opinion": False, "teaching": False, "recognisable": True}
    answer = signed_in.put("/encounter", json=LEFT_HEEL | {"consent": agreed})
    assert (answer.status_code, answer.json()["error"]) == (403, "consent-refused")
    assert "consent-recognisable" not in signed_in.get("/shoot").text


@pytest.fixture
def lead(bench):
    bench.settings = PanelSettings(show_features=frozenset({"clinician"}))
    bench.camera.may_show_features = True
    with bench.client() as client:
        bench.sign_in(client)
        yield client


def features(client, bench):
    client.post("/shutter")
    (still,) = bench.camera.stills
    return still, decide(client, still, SHOW | {"features": True})


def test_eyes_and_mouth_are_shown_with_the_patients_consent_and_sealed_with_it(lead, bench):
    assert "consent-recognisable" in lead.get("/shoot").text
    put(lead, consent={"record": True, "second_opinion": False, "teaching": False, "recognisable": True})
    still, answer = features(lead, bench)
    assert answer.status_code == 200
    (decision,) = bench.camera.stills[still]["redaction"]["decisions"]
    assert decision == SHOW | {"features": True, "by": "4711", "consent": {"recognisable": True}}
    decide(lead, still, {"action": "confirm", "kind": "tattoo"}, edition=1)
    lead.post("/review/accept", json={"still": still, "patient": "P-1"})
    assert bench.camera.accepted[0]["consent"]["recognisable"] is True
    offered = put(lead, body_site="", side=None)["again"][0]["series"]
    again = lead.post("/encounter/again", json={"series": offered}).json()
    assert again["draft"]["consent"]["recognisable"] is False, "that is asked for each picture anew"


def test_eyes_and_mouth_stay_covered_without_the_consent_and_the_reason_is_said(lead, bench):
    put(lead)
    still, answer = features(lead, bench)
    assert (answer.status_code, answer.json()["error"]) == (403, "features_forbidden")
    assert answer.json()["sentence"].startswith("Eyes and mouth stay covered")
    assert bench.camera.stills[still]["redaction"]["decisions"] == []


def test_the_wound_is_as_said_else_the_last_one_there_else_a_new_one_of_today():
    known = (Known(HEEL, DraftConsent(), 0.0),)
    draft = Draft(body_site="84607009", side=Laterality.LEFT)
    assert wound_of(draft, known, TODAY) == HEEL
    assert wound_of(draft, (), TODAY) == Wound("84607009", Laterality.LEFT, TODAY)
    said = Draft(body_site="84607009", side=Laterality.LEFT, since=date(2026, 1, 1), number=3)
    assert wound_of(said, known, TODAY) == Wound("84607009", Laterality.LEFT, date(2026, 1, 1), 3)
    assert wound_of(draft, (), None) is None
    assert wound_of(Draft(), known, TODAY) is None


def test_the_memory_of_wounds_is_bounded_and_forgets_after_a_week():
    wounds = KnownWounds()
    for number in range(MOST_PATIENTS + 10):
        wounds.taken(f"P-{number}", HEEL, DraftConsent(), 0.0)
    assert wounds.of("P-0", 0.0) == ()
    assert len(wounds.of(f"P-{MOST_PATIENTS + 9}", 0.0)) == 1
    for ago in range(MOST_WOUNDS + 3):
        wounds.taken("P-9999", Wound("54735007", None, TODAY - timedelta(days=ago)), DraftConsent(), 1.0)
    latest = wounds.of("P-9999", 1.0)
    assert len(latest) == MOST_WOUNDS
    assert latest[0].wound.since == TODAY - timedelta(days=MOST_WOUNDS + 2)
    assert wounds.of("P-9999", HELD_SECONDS + 1.0) == ()
    wounds.forget_old(HELD_SECONDS + 1.0)
    assert wounds._held == {}


def test_the_device_says_since_when_in_german():
    german = LANGUAGES["de"]
    assert place(german, "84607009", Laterality.LEFT) == "Ferse, links"
    assert day(german, date(2026, 2, 11), TODAY) == "11. Feb."
    assert day(german, TODAY, TODAY) == "heute"
