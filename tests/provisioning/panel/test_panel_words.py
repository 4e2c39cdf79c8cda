"""What the screen says: questions, troubles, the queue, the device and the ledger in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from capture.encounter import BODY_SITES
from capture.envelope import KeySigner
from capture.ledger import Ledger, LedgerEvent
from capture.vault import State
from provisioning.panel import PanelSettings, UplinkView, words
from provisioning.panel.device_view import device_groups
from provisioning.panel.languages import LANGUAGES
from provisioning.panel.ledger_view import read_ledger
from provisioning.panel.queue_view import rows, waiting
from provisioning.panel.simulated import READY
from provisioning.panel.troubles import troubles

EN = LANGUAGES["en"]
FACE = {"kind": "face", "model": "centerface"}


@pytest.mark.parametrize(
    ("regions", "sentence"),
    [
        ([], "Nothing covered"),
        ([FACE], "1 face covered"),
        ([FACE, FACE, {"kind": "text"}], "2 faces and 1 piece of text covered"),
        ([{"kind": "code"}, FACE, {"kind": "tattoo"}], "1 face, 1 tattoo and 1 code covered"),
    ],
)
def test_what_is_covered_is_one_sentence(regions, sentence):
    assert words.covered_sentence(EN, regions) == sentence


def test_nothing_found_and_not_looked_for_read_differently():
    redaction = {"regions": [], "outcomes": {"face": "clear", "tattoo": "unsure", "text": "clear", "code": "clear"}}
    said = words.findings(EN, redaction, ["tattoo"])
    assert "Faces: looked for, none found" in said
    assert not [line for line in said if "attoo" in line]
    assert "Tattoos: you said there is none" in words.findings(EN, redaction, [])


@pytest.mark.parametrize(
    ("kind", "redaction", "sentence"),
    [
        ("tattoo", {}, "Nothing looked for tattoos. Is there one in the picture?"),
        (
            "tattoo",
            {"regions": [{"kind": "tattoo"}]},
            "Nothing looked for tattoos. Is there another one in the picture?",
        ),
        ("tattoo", {"thresholds": {"tattoo.ask": 0.98}}, EN.say("unsure.tattoo")),
        ("face", {}, "It is not sure that every face was found. Is there one that is not covered?"),
        ("text", {}, "It is not sure that all text was found. Is there any that is not covered?"),
    ],
)
def test_questions(kind, redaction, sentence):
    assert words.question(EN, kind, redaction) == sentence


def test_common_body_sites_are_all_in_the_list_and_none_is_shown_twice():
    (_, common), (_, others) = words.site_groups(EN, BODY_SITES)
    assert [code for code, _ in common] == list(words.COMMON_SITES)
    assert sorted(code for code, _ in common + others) == sorted(BODY_SITES)
    assert ("84607009", "Heel") in common


BROKEN = [
    ({"camera": {"state": "missing", "sentence": "Plug it in."}}, "camera", "Plug it in.", True),
    ({"camera": {"state": "stalled"}}, "camera", "The camera stopped delivering", True),
    ({"engine": {"state": "failed", "sentence": ""}}, "engine", "Call IT", True),
    ({"vault": {"writable": False, "sentence": "Full."}}, "vault", "Full.", True),
]


@pytest.mark.parametrize(("change", "slug", "part", "blocks"), BROKEN)
def test_each_broken_part_has_its_sentence_and_stops_the_shutter(change, slug, part, blocks):
    (found,) = troubles(EN, READY | change, None, clock_early=False, certificate_days=20)
    assert (found.slug, found.blocks) == (slug, blocks)
    assert part in found.sentence


def test_failed_test_of_itself_is_said_and_stops_the_shutter():
    test = {"state": "failed", "failed": {"camera": "Said above.", "phantom": "A face was not found. Call IT."}}
    (found,) = troubles(EN, READY | {"self_test": test}, None, clock_early=False, certificate_days=20)
    assert (found.slug, found.blocks, found.sentence) == ("self-test", True, "A face was not found. Call IT.")


def test_parts_that_speak_for_themselves_are_not_said_twice():
    test = {"state": "failed", "failed": {"disk": "Full.", "camera": "Gone."}}
    assert troubles(EN, READY | {"self_test": test}, None, clock_early=False, certificate_days=20) == ()


@pytest.mark.parametrize(("keys", "said"), [("file", "In files"), ("tpm", "In its security chip (TPM)")])
def test_device_page_says_where_the_devices_keys_are(bench, keys, said):
    facts = replace(bench.facts, keys=keys)
    (this, _) = device_groups(EN, facts, None, free_bytes=1, now=bench.wall, version="1")
    assert [fact.value for fact in this.facts if fact.name == "Keys"] == [said]


def test_device_page_says_how_the_test_of_itself_went(signed_in, bench):
    bench.camera.said = READY | {"self_test": {"state": "passed", "sentence": "", "at_ms": 1, "failed": {}}}
    assert "Test of itself" in signed_in.get("/device").text
    assert "Passed" in signed_in.get("/device").text
    bench.camera.said = READY | {"self_test": {"state": "failed", "at_ms": 1, "failed": {"keys": "Call IT at once."}}}
    assert "Call IT at once." in signed_in.get("/device").text


def test_hospital_out_of_reach_is_said_and_stops_nothing():
    away = UplinkView(connected=False, sentence="The hospital cannot be reached.")
    (found,) = troubles(EN, READY, away, clock_early=False, certificate_days=20)
    assert (found.sentence, found.blocks) == ("The hospital cannot be reached.", False)


def test_what_stops_the_shutter_comes_first():
    away = UplinkView(connected=False, sentence="away")
    found = troubles(EN, None, away, clock_early=True, certificate_days=-1)
    assert [trouble.slug for trouble in found] == ["service", "clock", "uplink"]


def test_health_report_with_parts_missing_is_read_as_trouble_never_as_fine():
    assert {trouble.slug for trouble in troubles(EN, {}, None, clock_early=False, certificate_days=1)} == {
        "engine",
        "camera",
        "vault",
    }


def test_queue_shows_parked_pictures_first_and_then_the_newest(bench):
    entries = [
        bench.entry(1, State.ERASED),
        bench.entry(2, State.PARKED, reason="revoked-device"),
        bench.entry(3, State.OFFERED),
        bench.entry(4, State.SEALED),
    ]
    shown = rows(EN, entries, UplinkView(connected=True, sentence="", progress={entries[2].capture: 0.5}))
    assert [(row.number, row.state) for row in shown] == [
        (2, "parked"),
        (4, "waiting"),
        (3, "sending"),
        (1, "received"),
    ]
    assert "taken this device out of service" in shown[0].detail
    assert shown[2].share == 0.5
    assert waiting(entries) == 3


def test_parked_picture_can_be_sent_again(signed_in, bench):
    bench.queue.held = [bench.entry(2, State.PARKED, reason="malformed")]
    bench.took("4711", *bench.queue.held)
    assert "Send again" in signed_in.get("/queue").text
    assert signed_in.post(f"/queue/{2:032x}/retry").status_code == 200
    assert "Waiting" in signed_in.get("/queue/entries").text
    assert bench.recorded[-1] == ("retried", {"capture": f"{2:032x}", "clinician": "4711"})


def test_clock_before_the_certificate_is_said(signed_in, bench):
    bench.wall -= timedelta(days=20000)
    assert [trouble["slug"] for trouble in signed_in.get("/status").json()["troubles"]] == ["clock"]


def test_certificate_that_ran_out_is_said(signed_in, bench):
    bench.wall += timedelta(days=40)
    assert [trouble["slug"] for trouble in signed_in.get("/status").json()["troubles"]] == ["certificate"]


def test_device_page_says_what_and_how_it_is(signed_in):
    text = signed_in.get("/device").text
    for part in ("North Hospital", "d-1", "29 days left", "127.0.0.1:8883", "10.0 GB", "1.2.3", "simulated"):
        assert part in text


def test_device_page_is_there_when_the_camera_service_is_not(signed_in, bench):
    bench.camera.away = True
    text = signed_in.get("/device").text
    assert "does not answer" in text
    assert "North Hospital" in text


def test_health_says_unavailable_while_no_picture_can_be_taken(bench):
    client = bench.client()
    assert client.get("/healthz").json() == {"status": "ok", "paired": True, "troubles": [], "version": "1.2.3"}
    bench.camera.away = True
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["troubles"] == ["service"]


def test_metrics_count_what_happened(signed_in):
    signed_in.post("/shutter")
    text = signed_in.get("/metrics").text
    assert "\nwardlens_panel_stills_total 1\n" in text
    assert "\nwardlens_panel_sign_ins_total 1\n" in text
    assert "# TYPE wardlens_panel_waiting gauge\nwardlens_panel_waiting 0\n" in text


def test_ledger_page_shows_the_newest_events_and_the_heads(bench, tmp_path):
    folder = tmp_path / "ledger"
    folder.mkdir()
    with Ledger(folder, "camera", KeySigner(ec.generate_private_key(ec.SECP256R1()))) as chain:
        chain.append(LedgerEvent.SERVICE_STARTED, version="1")
        head = chain.append(LedgerEvent.STILL_DISCARDED, clinician="4711")
    bench.settings = PanelSettings(ledger=folder)
    with bench.client() as client:
        bench.sign_in(client)
        text = client.get("/ledger").text
    assert head.hash[:16] in text
    assert "Still discarded" in text
    assert "2 events" in text


def test_ledger_with_a_damaged_head_is_said_on_its_page(tmp_path):
    (tmp_path / "camera.head").write_bytes(b"{}")
    assert "altered" in read_ledger(EN, tmp_path).sentence


def test_ledger_line_that_is_half_written_is_left_out(tmp_path):
    with Ledger(tmp_path, "camera", KeySigner(ec.generate_private_key(ec.SECP256R1()))) as chain:
        chain.append(LedgerEvent.SERVICE_STARTED, version="1")
    with (tmp_path / "camera.jsonl").open("ab") as file:
        file.write(b'{"event": "cut')
    assert [event.title for event in read_ledger(EN, tmp_path).events] == ["Service started"]


def test_device_without_a_ledger_says_so(tmp_path):
    assert read_ledger(EN, tmp_path / "none").sentence == "Nothing is on the ledger yet."
    assert read_ledger(EN, None).sentence == "Nothing is on the ledger yet."
