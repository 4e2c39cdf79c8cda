"""Pairing on the screen: the line, the digits, done; over the real enrolment server where it matters."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from functools import partial

import pytest

from provisioning.clock import utc_now
from provisioning.enrolment import pair
from provisioning.errors import InvitationExpired
from provisioning.invitation import Invitation, parse_invitation
from provisioning.panel import load_facts
from provisioning.panel.errors import PairingBusy
from provisioning.panel.pairing_attempt import STEPS, Happened, Pairing, Step, moved


def until_step(client, *steps, seconds=20.0):
    gone = threading.Event()
    for _ in range(int(seconds / 0.05)):
        progress = client.get("/pairing/progress").json()
        if progress["step"] in steps:
            return progress
        gone.wait(0.05)
    pytest.fail(f"the pairing did not come to {steps}, but stands at {progress}")


def test_unpaired_device_has_one_page(bench):
    bench.facts = None
    with bench.client() as client:
        assert client.get("/").headers["location"] == "/pairing"
        assert "This device is not paired" in client.get("/pairing").text


def test_line_then_digits_then_done(bench):
    paired_with, bench.facts = bench.facts, None
    confirmed = threading.Event()

    def real(line, on_digits):
        assert line == "WL1:ABC", "what a paste broke over lines is one line again"
        on_digits("482913")
        assert confirmed.wait(10)
        bench.facts = paired_with

    bench.pair = real
    with bench.client() as client:
        assert client.post("/pairing", json={"line": " WL1:\nABC "}).status_code == 202
        assert until_step(client, "digits-shown")["digits"] == "482913"
        confirmed.set()
        assert until_step(client, "paired")["digits"] == "", "digits are gone once they are confirmed"
        assert client.get("/").status_code == 200
        bench.sign_in(client)
    assert [event for event, _ in bench.recorded][:2] == ["pairing-started", "paired"]


def test_refused_invitation_is_said_and_another_may_be_pasted(bench):
    bench.facts = None

    def refused(_line, _on_digits):
        raise InvitationExpired

    bench.pair = refused
    with bench.client() as client:
        for _ in range(2):
            assert client.post("/pairing", json={"line": "x"}).status_code == 202
            assert "expired" in until_step(client, "failed")["sentence"]
        assert "\nwardlens_panel_pairings_failed_total 2\n" in client.get("/metrics").text
    assert [event for event, _ in bench.recorded] == ["pairing-started", "pairing-failed"] * 2


def test_error_of_ours_never_leaves_the_screen_waiting(bench):
    bench.facts = None

    def broken(_line, _on_digits):
        raise ZeroDivisionError

    bench.pair = broken
    with bench.client() as client:
        client.post("/pairing", json={"line": "x"})
        assert "call IT" in until_step(client, "failed")["sentence"]


def test_second_pairing_while_one_is_under_way_is_refused(bench):
    bench.facts = None
    go_on = threading.Event()
    bench.pair = lambda _line, _on_digits: go_on.wait(10)
    with bench.client() as client:
        client.post("/pairing", json={"line": "x"})
        answer = client.post("/pairing", json={"line": "x"})
        go_on.set()
        assert answer.json()["error"] == "pairing-busy"


def test_pairing_is_slowed_when_it_is_tried_again_and_again(bench):
    bench.facts = None

    def refused(_line, _on_digits):
        raise InvitationExpired

    bench.pair = refused
    with bench.client() as client:
        for _ in range(20):
            assert client.post("/pairing", json={"line": "x"}).status_code == 202
            until_step(client, "failed")
        assert client.post("/pairing", json={"line": "x"}).status_code == 429
        bench.seconds += 601
        assert client.post("/pairing", json={"line": "x"}).status_code == 202


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("happened", Happened)
def test_pairing_moves_only_as_the_table_says(step, happened):
    if (step, happened) in STEPS:
        assert moved(Pairing(step), happened).step is STEPS[step, happened]
    else:
        with pytest.raises(PairingBusy):
            moved(Pairing(step), happened)


def test_real_device_is_paired_by_the_panel_and_its_roster_signs_in(bench, site, line, approving, tmp_path):
    site.add_clinician("4711", "Anna Keller", "clinician", "1234")
    state = tmp_path / "state"

    def real(given, on_digits):
        def digits(six):
            on_digits(six)
            approving(six)

        return pair(given, state, on_digits=digits)

    bench.pair = real
    bench.load = partial(load_facts, state)
    with bench.client() as client:
        assert client.post("/pairing", json={"line": line}).status_code == 202
        until_step(client, "paired")
        bench.sign_in(client)
        assert "North Hospital" in client.get("/device").text


@pytest.fixture
def unpaired(bench, tmp_path):
    """A device that the site has not seen; its pairing is the real one."""
    bench.facts = None
    bench.load = partial(load_facts, tmp_path / "state")
    bench.pair = lambda line, on_digits: pair(line, tmp_path / "state", on_digits=on_digits)
    return bench


def scanned(client, bench, line):
    """What the page hears when this is held to the camera, and how the pairing then stands."""
    bench.camera.in_view["invitation"] = line
    heard = client.post("/pairing/scan").json()
    return heard, until_step(client, "failed", "digits-shown", "paired") if heard["read"] else None


def test_an_invitation_held_to_the_camera_pairs_and_its_line_stays_in_the_device(unpaired, site, line, approving):
    unpaired.pair = lambda given, on_digits, real=unpaired.pair: real(
        given, lambda six: (on_digits(six), approving(six))
    )
    with unpaired.client() as client:
        unpaired.camera.in_view["invitation"] = line
        answer = client.post("/pairing/scan")
        assert answer.json() == {"read": "invitation", "sentence": ""}
        assert line not in answer.text
        assert until_step(client, "paired")["device"]["self-test"] == "Running. This takes a few seconds."
        unpaired.camera.said = {**unpaired.camera.said, "self_test": {"state": "passed", "failed": {}}}
        done = until_step(client, "paired")
        assert done["device"] == {"name": "Ward device", "hospital": "North Hospital", "self-test": "Passed"}
        assert line not in str(done)
        assert client.get("/pairing").headers["location"] == "/"


def test_both_screens_show_the_same_six_digits(unpaired, site, line):
    with unpaired.client() as client:
        _heard, progress = scanned(client, unpaired, line)
        (waiting,) = site.pending()
        assert re.fullmatch(r"\d{6}", progress["digits"])
        assert progress["digits"] == waiting.digits
        site.refuse(waiting.id)
        assert "IT refused this device" in until_step(client, "failed")["sentence"]


def test_a_code_that_is_no_invitation_is_said_and_counts_as_no_try(unpaired):
    with unpaired.client() as client:
        for said in ("https://example.org", "WARDLENS1:ABC", "", "x" * 2000):
            heard, _progress = scanned(client, unpaired, said)
            assert heard["read"] == ""
            assert "not a whole Wardlens invitation" in heard["sentence"]
        heard, _progress = scanned(client, unpaired, "WARDLENS2:ABC")
        assert "another version" in heard["sentence"]
        assert client.get("/pairing/progress").json()["step"] == "not-started"
        assert "wardlens_panel_pairings_started_total 0" in client.get("/metrics").text


def test_nothing_in_view_is_no_error_while_the_device_waits_for_an_invitation(unpaired):
    with unpaired.client() as client:
        assert client.post("/pairing/scan").json() == {"read": "", "sentence": ""}
        client.post("/pairing/stop")
        assert unpaired.camera.scans_stopped == 1


def test_an_invitation_of_another_site_is_refused_with_the_reason(unpaired, line):
    honest = parse_invitation(line)
    foreign = Invitation(
        honest.site, honest.address, bytes(32), honest.sealing_hash, honest.not_before, honest.minutes, honest.secret
    )
    with unpaired.client() as client:
        _heard, progress = scanned(client, unpaired, foreign.line)
        assert progress["step"] == "failed"
        assert "not the one that the invitation names" in progress["sentence"]


def test_an_invitation_that_was_photographed_and_used_first_is_refused_with_the_reason(unpaired, line, tmp_path):
    with pytest.raises(InterruptedError):
        pair(line, tmp_path / "thief", on_digits=_cut)
    with unpaired.client() as client:
        _heard, progress = scanned(client, unpaired, line)
        assert progress["step"] == "failed"
        assert "used already" in progress["sentence"]
        assert progress["digits"] == ""


def test_an_invitation_that_has_expired_is_refused_with_the_reason(unpaired, line, tmp_path):
    later = utc_now() + timedelta(hours=1)
    unpaired.pair = lambda given, digits: pair(given, tmp_path / "state", on_digits=digits, clock=lambda: later)
    with unpaired.client() as client:
        _heard, progress = scanned(client, unpaired, line)
        assert progress["step"] == "failed"
        assert "expired" in progress["sentence"]


def _cut(_digits):
    raise InterruptedError
