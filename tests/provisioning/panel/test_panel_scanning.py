"""Badges and wristbands held to the camera: who may ask, what counts, and that nothing of it stays anywhere."""

from __future__ import annotations

import pytest

from capture.scanned import BadgeRule, PatientCheck
from provisioning.panel import PanelSettings
from tests.provisioning.panel.conftest import BADGE, ENCOUNTER

NHS, NHS_WRONG = "943 476 5919", "943 476 5918"


def test_a_badge_held_to_the_camera_is_as_good_as_typed(bench):
    bench.camera.in_view["badge"] = BADGE
    with bench.client() as client:
        answer = client.post("/scan/badge")
        assert answer.json() == {"read": BADGE, "sentence": ""}
        assert answer.headers["cache-control"] == "no-store"
        bench.sign_in(client, answer.json()["read"])


def test_the_site_says_what_stands_in_a_badge(bench):
    bench.settings = PanelSettings(badges=BadgeRule("STAFF-", 4))
    bench.camera.in_view["badge"] = f"STAFF-{BADGE}"
    assert bench.client().post("/scan/badge").json()["read"] == BADGE
    bench.camera.in_view["badge"] = BADGE
    assert bench.client().post("/scan/badge").json()["read"] == ""


@pytest.mark.parametrize("said", ["00418273", "not a badge at all", ""])
def test_what_lies_in_view_and_is_no_badge_of_the_roster_signs_nobody_in(bench, said):
    bench.camera.in_view["badge"] = said
    answer = bench.client().post("/scan/badge")
    assert answer.json()["read"] == ""
    assert "not a badge of this hospital" in answer.json()["sentence"]
    assert "00418273" not in answer.text


def test_nothing_in_view_is_no_error_and_nothing_to_say(bench):
    assert bench.client().post("/scan/badge").json() == {"read": "", "sentence": ""}


def test_a_camera_service_that_is_away_is_said_in_the_language_of_the_page(bench):
    bench.camera.away = True
    with bench.client() as client:
        english = client.post("/scan/badge").json()["sentence"]
        client.post("/look", json={"language": "de"})
        german = client.post("/scan/badge").json()["sentence"]
    assert english
    assert german not in {"", english}


def test_a_stranger_reads_no_wristband(bench):
    bench.camera.in_view["wristband"] = "00418273"
    answer = bench.client().post("/scan/wristband")
    assert answer.status_code == 401
    assert "00418273" not in answer.text


def test_a_wristband_gives_the_reference_that_typing_gives(signed_in, bench):
    bench.camera.in_view["wristband"] = "]C18018000000000000000017"
    assert signed_in.post("/scan/wristband").json()["read"] == "000000000000000017"
    typed = signed_in.put("/encounter", json=ENCOUNTER | {"patient": "00418273^^^WARD"})
    assert typed.json()["draft"]["patient"] == "00418273"


@pytest.mark.parametrize("way", ["scanned", "typed"])
def test_a_wrong_check_digit_is_refused_with_what_to_do_and_the_picture_has_no_patient(bench, way):
    bench.settings = PanelSettings(patient_check=PatientCheck.NHS)
    with bench.client() as client:
        bench.sign_in(client)

        def give(number):
            if way == "typed":
                return client.put("/encounter", json=ENCOUNTER | {"patient": number})
            bench.camera.in_view["wristband"] = number
            return client.post("/scan/wristband")

        answer = give(NHS_WRONG)
        assert answer.status_code == (422 if way == "typed" else 200)
        assert "check digit is wrong" in answer.json()["sentence"]
        assert NHS_WRONG not in answer.text
        said = give(NHS).json()
        assert (said["draft"]["patient"] if way == "typed" else said["read"]) == "9434765919"


def test_a_reference_that_is_refused_leaves_no_earlier_patient_under_the_next_picture(bench):
    bench.settings = PanelSettings(patient_check=PatientCheck.NHS)
    with bench.client() as client:
        bench.sign_in(client)
        client.put("/encounter", json=ENCOUNTER | {"patient": NHS})
        assert client.put("/encounter", json=ENCOUNTER | {"patient": NHS_WRONG}).status_code == 422
        page = client.get("/shoot").text
        assert NHS not in page
        assert "84607009.left" not in page


def test_waiting_for_a_code_keeps_no_session_awake(signed_in, bench):
    bench.seconds += 50
    signed_in.post("/scan/wristband")
    assert signed_in.get("/status").json()["locks_in"] <= 10.5


def test_nobody_waits_any_more_when_the_page_says_so(bench):
    assert bench.client().post("/scan/stop").status_code == 204
    assert bench.camera.scans_stopped == 1


def test_what_was_read_is_on_no_ledger_and_in_no_log(signed_in, bench, capsys, caplog):
    bench.camera.in_view |= {"wristband": "CANARY-5521", "badge": "CANARY-5521"}
    signed_in.post("/scan/wristband")
    signed_in.post("/scan/badge")
    said = capsys.readouterr()
    assert "CANARY" not in said.out + said.err + caplog.text + repr(bench.recorded)
