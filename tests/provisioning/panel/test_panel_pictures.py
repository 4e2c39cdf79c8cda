"""From the shutter to the queue: what a person decides reaches the camera service, and nothing else does."""

from __future__ import annotations

import pytest

ENCOUNTER = {
    "patient": "P-1",
    "body_site": "84607009",
    "side": "left",
    "consent": {"record": True, "second_opinion": False, "teaching": True},
    "note": "After cleaning",
}


def shoot(client) -> str:
    """Takes a still; gives its id as the review page names it."""
    assert client.post("/shutter").json() == {"next": "/review"}
    text = client.get("/review").text
    return text.split('data-still="')[1].split('"')[0]


def decide(client, still, **decision):
    body = {"still": still, "edition": edition(client), "decision": decision}
    return client.post("/review/decision", json=body)


def edition(client) -> int:
    """Which one the review page shows; 0 where it shows none."""
    text = client.get("/review").text
    return int(text.split('data-edition="')[1].split('"')[0]) if "data-edition" in text else 0


def accept(client, still, patient="P-1"):
    return client.post("/review/accept", json={"still": still, "patient": patient})


def test_question_about_what_was_not_looked_for_is_asked_in_words(signed_in):
    shoot(signed_in)
    assert "Nothing looked for tattoos. Is there one in the picture?" in signed_in.get("/review").text


def test_whole_way_from_shutter_to_queue(signed_in, bench):
    signed_in.put("/encounter", json=ENCOUNTER)
    still = shoot(signed_in)
    assert decide(signed_in, still, action="confirm", kind="tattoo").json() == {"unanswered": [], "hiding": []}
    assert accept(signed_in, still).json() == {"next": "/shoot"}
    assert bench.camera.accepted == [
        {
            "patient": "P-1",
            "clinician": "4711",
            "body_site": "84607009",
            "laterality": "left",
            "consent": {"record": True, "second_opinion": False, "teaching": True, "recognisable": False},
            "note": "After cleaning",
            "series": "84607009.left.2026-03-01.1",
            "urgent": False,
        }
    ]
    page = signed_in.get("/shoot").text
    assert "Picture 1 is in the queue. 1 face covered" in page
    assert "P-1" in page, "the next picture is of the same patient until somebody says otherwise"


def test_decisions_carry_the_badge_of_who_is_signed_in(signed_in, bench):
    still = shoot(signed_in)
    decide(signed_in, still, action="add", kind="tattoo", polygon=[[1, 1], [5, 1], [5, 5]])
    decide(signed_in, still, action="remove", kind="face", index=0, reason="It is the wound")
    made = bench.camera.stills[still]["redaction"]["decisions"]
    assert [(one["action"], one["by"]) for one in made] == [("add", "4711"), ("remove", "4711")]


SHOW = {
    "action": "show",
    "kind": "face",
    "polygon": [[1, 1], [5, 1], [5, 5]],
    "reason": "Needed to judge the wound",
}


def test_a_wound_on_a_face_is_shown_in_the_name_of_who_is_signed_in_and_the_page_says_what_that_means(signed_in, bench):
    still = shoot(signed_in)
    assert "recognisable features" not in signed_in.get("/review").text
    assert decide(signed_in, still, **SHOW).status_code == 200
    assert bench.camera.stills[still]["redaction"]["decisions"] == [{**SHOW, "by": "4711"}]
    assert "marked as showing recognisable features" in signed_in.get("/review/panel").text


def test_page_cannot_decide_in_another_name(signed_in):
    still = shoot(signed_in)
    assert decide(signed_in, still, action="confirm", kind="tattoo", by="9999").status_code == 422


@pytest.mark.parametrize(
    "decision",
    [
        {"action": "remove", "kind": "face", "index": 0},
        {"action": "remove", "kind": "face", "index": 0, "reason": "  "},
        {"action": "remove", "kind": "face", "index": -1, "reason": "the wound"},
        {"action": "add", "kind": "tattoo", "polygon": [[1, 1], [2, 2]]},
        {"action": "add", "kind": "tattoo", "polygon": [[-1, 1], [2, 2], [3, 3]]},
        {"action": "confirm", "kind": "nose"},
        SHOW | {"kind": "tattoo"},
        SHOW | {"reason": ""},
        SHOW | {"polygon": [[1, 1], [2, 2]]},
        SHOW | {"features": "perhaps"},
        SHOW | {"consent": {"recognisable": True}},
        {"action": "erase", "kind": "face"},
        {},
    ],
)
def test_decision_that_is_none_reaches_nobody(signed_in, bench, decision):
    still = shoot(signed_in)
    assert decide(signed_in, still, **decision).status_code == 422
    assert bench.camera.stills[still]["redaction"]["decisions"] == []


def test_picture_with_an_open_question_is_not_accepted(signed_in, bench):
    signed_in.put("/encounter", json=ENCOUNTER)
    still = shoot(signed_in)
    answer = accept(signed_in, still)
    assert answer.status_code == 409
    assert answer.json()["unanswered"] == ["tattoo"]
    assert bench.camera.accepted == []


def test_what_may_hide_the_wound_is_asked_first_and_on_its_own(signed_in, bench):
    bench.camera.hides("face")
    signed_in.put("/encounter", json=ENCOUNTER)
    still = shoot(signed_in)
    page = signed_in.get("/review/panel").text
    assert "Look at what is covered as a face. Is any of the wound hidden?" in page
    assert 'data-open="3"' in page
    assert decide(signed_in, still, action="leave", kind="face").json() == {
        "unanswered": ["tattoo", "face"],
        "hiding": [],
    }
    for kind in ("tattoo", "face"):
        assert accept(signed_in, still).json()["unanswered"]
        decide(signed_in, still, action="confirm", kind=kind)
    assert accept(signed_in, still).status_code == 201


def test_a_picture_is_not_accepted_while_nobody_looked_at_what_may_hide_the_wound(signed_in, bench):
    bench.camera.hides("face")
    signed_in.put("/encounter", json=ENCOUNTER)
    still = shoot(signed_in)
    for kind in ("tattoo", "face"):
        decide(signed_in, still, action="confirm", kind=kind)
    answer = accept(signed_in, still)
    assert (answer.status_code, answer.json()["unanswered"], answer.json()["hiding"]) == (409, [], ["face"])
    decide(signed_in, still, action="remove", kind="face", index=0, reason="It is the wound")
    assert accept(signed_in, still).status_code == 201


@pytest.mark.parametrize(
    "lacking",
    [
        {"patient": ""},
        {"body_site": ""},
        {"side": None},
        {"consent": {"record": False, "second_opinion": True, "teaching": True}},
    ],
)
def test_picture_of_nobody_or_nothing_or_without_consent_is_not_accepted(signed_in, bench, lacking):
    signed_in.put("/encounter", json=ENCOUNTER | lacking)
    still = shoot(signed_in)
    decide(signed_in, still, action="confirm", kind="tattoo")
    assert accept(signed_in, still).json()["error"] == "encounter-incomplete"
    assert bench.camera.accepted == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"patient": "x" * 65},
        {"body_site": "123"},
        {"side": "top"},
        {"note": "x" * 501},
        {"note": "a\u202eb"},
        {"since": "2026-03-02"},
        {"since": "1899-12-31"},
        {"since": "yesterday"},
        {"number": 0},
        {"number": 10},
        {"clinician": "9999"},
    ],
)
def test_encounter_out_of_bounds_is_not_kept(signed_in, wrong):
    assert signed_in.put("/encounter", json=ENCOUNTER | wrong).status_code == 422
    assert "P-1" not in signed_in.get("/shoot").text


def test_tap_on_an_old_page_never_acts_on_a_newer_picture(signed_in, bench):
    old = shoot(signed_in)
    signed_in.post("/review/discard", json={"still": old})
    new = shoot(signed_in)
    assert new != old
    assert accept(signed_in, old).json()["error"] == "nothing-in-review"
    assert signed_in.post("/review/discard", json={"still": old}).json() == {"next": "/shoot"}
    assert decide(signed_in, old, action="confirm", kind="tattoo").status_code == 409
    assert list(bench.camera.stills) == [new]


def test_second_shutter_while_a_picture_is_in_review_takes_none(signed_in, bench):
    shoot(signed_in)
    signed_in.post("/shutter")
    assert len(bench.camera.stills) == 1


def test_discard_leads_back_to_the_viewfinder(signed_in, bench):
    still = shoot(signed_in)
    assert signed_in.post("/review/discard", json={"still": still}).json() == {"next": "/shoot"}
    assert bench.camera.stills == {}
    assert signed_in.get("/review").headers["location"] == "/shoot"


def test_picture_that_the_camera_service_lost_is_said_and_let_go(signed_in, bench):
    still = shoot(signed_in)
    bench.camera.stills.clear()
    assert decide(signed_in, still, action="confirm", kind="tattoo").json()["error"] == "nothing-in-review"
    assert signed_in.get("/review").headers["location"] == "/shoot"


def test_shutter_without_a_camera_service_says_what_to_do(signed_in, bench):
    bench.camera.away = True
    answer = signed_in.post("/shutter")
    assert answer.status_code == 503
    assert "call IT" in answer.json()["sentence"]


def test_next_clinician_sees_nothing_of_the_last_patient(bench):
    app = bench.app()
    with bench.client(app) as client:
        bench.sign_in(client)
        client.put("/encounter", json=ENCOUNTER)
        client.post("/lock")
        bench.sign_in(client, "4712")
        assert "P-1" not in client.get("/shoot").text


def test_patient_reference_is_escaped(signed_in):
    signed_in.put("/encounter", json=ENCOUNTER | {"patient": '"><script>alert(1)</script>'})
    text = signed_in.get("/shoot").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
