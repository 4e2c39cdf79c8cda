"""Who sees what of the queue: a clinician their own pictures, a ward lead the device's. Enforced in every route."""

from __future__ import annotations

import pytest

from capture.vault import State
from provisioning.panel.languages import LANGUAGES
from provisioning.panel.takers import Takers
from tests.provisioning.panel.conftest import LEAD

ANNA, BEN = "4711", "4712"


@pytest.fixture
def ward(bench):
    """Anna took 1 and 2 (parked), Ben 3 (parked) and 4; nobody knows who took 5."""
    parked = {"reason": "malformed"}
    bench.queue.held = [
        bench.entry(1, State.SEALED),
        bench.entry(2, State.PARKED, **parked),
        bench.entry(3, State.PARKED, **parked),
        bench.entry(4, State.ERASED),
        bench.entry(5, State.SEALED),
    ]
    bench.took(ANNA, *bench.queue.held[:2])
    bench.took(BEN, *bench.queue.held[2:4])
    return bench


@pytest.fixture
def client(ward):
    with ward.client() as client:
        yield client


def pictures(text: str) -> set[int]:
    return {number for number in range(1, 6) if f"Picture {number}<" in text}


@pytest.mark.parametrize(("badge", "seen"), [(ANNA, {1, 2}), (BEN, {3, 4}), (LEAD, {1, 2, 3, 4, 5})])
def test_a_clinician_sees_their_own_pictures_and_a_ward_lead_the_devices(ward, client, badge, seen):
    ward.sign_in(client, badge)
    assert pictures(client.get("/queue").text) == seen
    assert pictures(client.get("/queue/entries").text) == seen


@pytest.mark.parametrize(("badge", "waiting"), [(ANNA, 2), (BEN, 1), (LEAD, 4)])
def test_the_number_beside_the_queue_is_of_the_pictures_that_it_shows(ward, client, badge, waiting):
    ward.sign_in(client, badge)
    assert client.get("/status").json()["waiting"] == waiting


def test_nobody_but_who_took_it_or_a_ward_lead_sends_a_picture_again(ward, client):
    ward.sign_in(client, ANNA)
    for capture in (f"{3:032x}", f"{5:032x}", f"{99:032x}"):
        answer = client.post(f"/queue/{capture}/retry")
        assert (answer.status_code, answer.json()["error"]) == (403, "not-yours")
    assert ward.queue.held[2].state is State.PARKED
    assert "retried" not in [event for event, _facts in ward.recorded]
    assert client.post(f"/queue/{2:032x}/retry").status_code == 200
    ward.sign_in(client, LEAD)
    assert client.post(f"/queue/{3:032x}/retry").status_code == 200
    assert ward.recorded[-1] == ("retried", {"capture": f"{3:032x}", "clinician": LEAD})
    assert client.post(f"/queue/{99:032x}/retry").status_code == 409


def test_a_clinician_reads_how_many_of_others_wait_and_no_name(ward, client):
    ward.sign_in(client, ANNA)
    text = client.get("/queue").text
    assert "2 pictures of others wait on this device too" in text
    assert "Ben Okoro" not in text
    assert BEN not in text


def test_a_ward_lead_reads_who_took_each_picture(ward, client):
    ward.sign_in(client, LEAD)
    text = client.get("/queue").text
    assert "2.0 MB · Anna Keller" in text
    assert "2.0 MB · Ben Okoro" in text
    assert "2.0 MB · nobody known" in text


def test_a_received_picture_says_who_has_it(ward, client):
    ward.sign_in(client, BEN)
    assert "North Hospital has it since" in client.get("/queue").text


def test_a_picture_taken_meanwhile_is_seen_at_once(ward, client):
    ward.sign_in(client, ANNA)
    assert pictures(client.get("/queue/entries").text) == {1, 2}
    ward.took(ANNA, ward.queue.held[4])
    assert pictures(client.get("/queue/entries").text) == {1, 2, 5}


def test_a_chain_that_was_begun_anew_forgets_nobody(ward):
    takers = Takers(ward.settings.ledger)
    takers.refresh()
    for file in (ward.settings.ledger / "camera.jsonl", ward.settings.ledger / "camera.head"):
        file.rename(file.with_name(f"{file.name}.damaged-1"))
    ward.took(BEN, ward.queue.held[4])
    takers.refresh()
    assert [takers.taker(f"{number:032x}") for number in range(1, 7)] == [ANNA, ANNA, BEN, BEN, BEN, ""]


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(ward):
    chain = ward.settings.ledger / "camera.jsonl"
    whole = chain.read_bytes()
    chain.write_bytes(whole[:-20])
    takers = Takers(ward.settings.ledger)
    takers.refresh()
    assert (takers.taker(f"{3:032x}"), takers.taker(f"{4:032x}")) == (BEN, "")
    chain.write_bytes(whole)
    takers.refresh()
    assert takers.taker(f"{4:032x}") == BEN


def test_a_device_without_a_ledger_shows_a_clinician_nothing(ward):
    assert Takers(None).taker(f"{1:032x}") == ""
    takers = Takers(ward.settings.ledger / "nowhere")
    takers.refresh()
    assert takers.taker(f"{1:032x}") == ""


def test_every_language_says_that_it_is_somebody_elses():
    english = "Somebody else took this picture. The ward lead can send it again."
    assert all(said.heard(english) != english for code, said in LANGUAGES.items() if code != "en")
