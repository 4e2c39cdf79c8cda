"""What comes in between: a second touch, another patient while the first is kept, a picture that is stored or gone."""

from __future__ import annotations

import httpx
import pytest

from capture.errors import CameraServiceRefused, LedgerUnwritable, StillStored, VaultFull, VaultUnwritable
from provisioning.errors import IdentityDamaged
from provisioning.panel.simulated import SimulatedCamera
from tests.provisioning.panel.conftest import ENCOUNTER


class Interrupted(SimulatedCamera):
    """Something happens while it accepts, and it may end in a refusal.

    Attributes:
        meanwhile: what is awaited while the picture is lifted off the shelf.
        refusal: what accepting ends in.
    """

    def __init__(self):
        super().__init__(unanswered=())
        self.meanwhile = None
        self.refusal = None
        self._stored = {}

    async def accept(self, still, encounter):
        lifted = self._stored.pop(still, None) or dict(self._held(still))
        self.stills.pop(still, None)
        if self.meanwhile:
            await self.meanwhile()
        if self.refusal:
            shelf = self._stored if self.refusal.error in {"ledger_unusable", "still_stored"} else self.stills
            shelf[still] = lifted
            raise self.refusal
        self.stills[still] = lifted
        return await super().accept(still, encounter)


@pytest.fixture
def camera(bench):
    bench.camera = Interrupted()
    return bench.camera


@pytest.fixture
def app(bench, camera):
    return bench.app()


@pytest.fixture
def client(bench, app):
    with bench.client(app) as client:
        bench.sign_in(client)
        client.put("/encounter", json=ENCOUNTER)
        yield client


@pytest.fixture
def asked_meanwhile(app, client, camera):
    """Has another request answered while the camera service accepts; gives the answers."""
    answers = []

    def ask(method, path, **sent):
        async def meanwhile():
            transport = httpx.ASGITransport(app=app)
            more = {"headers": client.headers, "cookies": dict(client.cookies), "base_url": client.base_url}
            async with httpx.AsyncClient(transport=transport, **more) as other:
                answers.append(await other.request(method, path, **sent))

        camera.meanwhile = meanwhile
        return answers

    return ask


def shoot(client, camera):
    client.post("/shutter")
    (still,) = camera.stills
    return still


def accept(client, still, patient="P-1"):
    return client.post("/review/accept", json={"still": still, "patient": patient})


def patient_of(client):
    return client.get("/encounter").json()["draft"]["patient"]


# Whose picture it is.


def test_who_was_named_while_the_picture_before_was_kept_stays_named(client, camera, asked_meanwhile):
    asked_meanwhile("PUT", "/encounter", json=ENCOUNTER | {"patient": "P-2"})
    assert accept(client, shoot(client, camera)).status_code == 201
    assert camera.accepted[0]["patient"] == "P-1"
    assert patient_of(client) == "P-2"


def test_a_picture_is_not_kept_for_another_patient_than_the_page_shows(client, camera):
    still = shoot(client, camera)
    for _ in range(2):  # another patient begins anew, and is then given a place
        client.put("/encounter", json=ENCOUNTER | {"patient": "P-2"})
    answer = accept(client, still, "P-1")
    assert (answer.status_code, answer.json()["error"]) == (409, "encounter-changed")
    assert camera.accepted == []
    assert accept(client, still, "P-2").status_code == 201


# What a decision is about.


def test_an_index_counts_in_the_picture_that_was_shown_and_in_no_later_one(client, camera):
    still = shoot(client, camera)
    face = camera.stills[still]["redaction"]["regions"][0]
    camera.stills[still]["redaction"]["regions"] = [face, face | {"score": 0.8}, face | {"score": 0.7}]
    client.post("/review/discard", json={"still": "0" * 32})
    remove = {"action": "remove", "kind": "face", "index": 0, "reason": "No identifying detail"}
    body = {"still": still, "edition": 0, "decision": remove}
    first, second = (client.post("/review/decision", json=body) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["error"] == "picture-changed"
    assert [region["score"] for region in camera.stills[still]["redaction"]["regions"]] == [0.8, 0.7]
    assert 'data-edition="1"' in client.get("/review").text


def test_a_decision_whose_answer_was_lost_is_seen_before_the_next(client, camera, bench):
    still = shoot(client, camera)
    face = camera.stills[still]["redaction"]["regions"][0]
    made = {"action": "remove", "kind": "face", "index": 0, "reason": "No identifying detail"}
    redaction = camera.stills[still]["redaction"] | {"regions": [face], "decisions": [made]}
    camera.stills[still] = camera.stills[still] | {"redaction": redaction}  # it was carried out, and nobody heard so
    body = {"still": still, "edition": 0, "decision": made}
    answer = client.post("/review/decision", json=body)
    assert (answer.status_code, answer.json()["error"]) == (409, "picture-changed")
    assert camera.stills[still]["redaction"]["regions"] == [face]
    assert 'data-edition="1"' in client.get("/review").text


# What became of it.


def test_a_picture_that_could_not_be_stored_is_in_review_still_though_somebody_looked_meanwhile(
    client, camera, asked_meanwhile
):
    answers = asked_meanwhile("GET", "/review/picture.jpg")
    camera.refusal = CameraServiceRefused(VaultFull().sentence, status=507, error="vault_full")
    still = shoot(client, camera)
    assert accept(client, still).status_code == 507
    assert answers[0].status_code == 404
    camera.refusal = None
    assert accept(client, still).status_code == 201


def test_a_picture_that_is_stored_is_never_to_be_taken_again(client, camera, bench):
    camera.refusal = CameraServiceRefused(LedgerUnwritable().sentence, status=503, error="ledger_unusable")
    still = shoot(client, camera)
    answer = accept(client, still)
    assert (answer.status_code, answer.json()["error"]) == (503, "stored-unsaid")
    assert "do not take it again" in answer.json()["sentence"]
    assert client.get("/review/picture.jpg").status_code == 404
    camera.refusal = None
    assert accept(client, still).status_code == 201


@pytest.mark.parametrize("error", ["ledger_unusable", "still_stored"])
def test_a_stored_picture_can_be_left_and_is_not_said_to_be_gone(client, camera, bench, app, error):
    camera.refusal = CameraServiceRefused(StillStored().sentence, status=409, error=error)
    still = shoot(client, camera)
    accept(client, still)
    bench.seconds += 10_000
    notice = client.get("/").text.partition('id="notice"')[2].partition("</p>")[0]
    assert "Locked" in notice
    assert "gone" not in notice
    bench.sign_in(client)
    client.put("/encounter", json=ENCOUNTER)
    still = shoot(client, camera)
    accept(client, still)
    assert client.post("/review/discard", json={"still": still}).json() == {"next": "/shoot"}
    assert client.get("/review").headers["location"] == "/shoot"
    assert "wardlens_panel_discarded_total 0" in client.get("/metrics").text


def test_a_picture_that_is_gone_is_left_by_every_button(client, camera):
    still = shoot(client, camera)
    camera.stills.clear()
    answer = accept(client, still)
    assert (answer.status_code, answer.json()["error"]) == (409, "nothing-in-review")
    assert client.post("/review/discard", json={"still": still}).json() == {"next": "/shoot"}


# What is said of it.


def test_a_queue_that_cannot_be_read_is_said_with_all_else_that_is_wrong(client, camera, bench):
    def unreadable():
        raise VaultUnwritable

    bench.queue.entries = unreadable
    camera.said |= {"camera": {"state": "missing", "sentence": ""}}
    status = client.get("/status").json()
    assert [(trouble["slug"], trouble["blocks"]) for trouble in status["troubles"]] == [
        ("queue", True),
        ("camera", True),
    ]
    assert status["troubles"][0]["sentence"] == VaultUnwritable().sentence
    assert status["locks_in"] > 0


def test_a_damaged_identity_is_said_and_is_not_paired_over(bench):
    damaged = IdentityDamaged("This device's identity is damaged. Call IT.")

    def load():
        raise damaged

    bench.load = load
    with bench.client() as client:
        start = client.get("/")
        assert start.status_code == 200
        assert str(damaged) in start.text.replace("&#39;", "'")
        assert client.post("/pairing", json={"line": "x"}).status_code in {403, 404, 409}
        health = client.get("/healthz")
        assert (health.status_code, health.json()["troubles"][0]) == (503, "identity")


def test_an_identity_that_breaks_while_the_device_works_is_said_and_work_goes_on(bench, client, app):
    def load():
        raise IdentityDamaged

    app.state.desk.identity._load = load
    app.state.desk.identity.refresh()
    (trouble,) = client.get("/status").json()["troubles"]
    assert (trouble["slug"], trouble["blocks"]) == ("identity", False)
