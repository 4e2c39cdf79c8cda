"""The camera service as its client meets it: over the real socket, into a real vault."""

from __future__ import annotations

import asyncio
import json
import shutil
import stat
import time

import httpx
import numpy as np
import pytest

from capture.encounter import BODY_SITES
from capture.envelope import parse_envelope
from capture.errors import CameraServiceAway, CameraServiceRefused, LedgerUnwritable
from capture.ledger import LedgerEvent, parse_line
from capture.pictures import read_picture
from capture.scale_marker import marker_boxes
from capture.service import CameraClient, parse_live_message
from inference import Kind
from inference.errors import ModelUnusable
from sync.receiver.opening import open_envelope
from tests.capture.service.conftest import ward_picture, write_picture

ENCOUNTER = {
    "patient": "PAT-4711",
    "clinician": "nurse-7",
    "body_site": next(iter(BODY_SITES)),
    "laterality": "left",
    "consent": {"record": True, "second_opinion": False, "teaching": False},
    "note": "",
    "series": "",
    "urgent": False,
}


def test_an_accepted_still_is_in_the_vault_and_opens_to_what_was_reviewed(device):
    async def act(client):
        still = await client.take()
        shown = await client.picture(still["id"])
        kept = await client.accept(still["id"], ENCOUNTER)
        return still, shown, kept

    still, shown, kept = device.story(act)
    (entry,) = device.vault.pending()
    assert (entry.capture, entry.digest, entry.length) == (kept["capture"], kept["digest"], kept["bytes"])
    envelope = parse_envelope(device.vault.read(entry.capture))
    opened = open_envelope(envelope, [device.opening])
    assert opened.jpeg == shown
    assert opened.manifest["encounter"]["patient"] == "PAT-4711"
    assert opened.manifest["redaction"] == still["redaction"]
    assert opened.manifest["marker"] == still["marker"] == {"seen": False, "pixels_per_mm": None}
    assert [region["kind"] for region in still["redaction"]["regions"]] == ["face"]
    pixels = read_picture(shown)
    assert (still["width"], still["height"]) == (pixels.shape[1], pixels.shape[0]) == (800, 600)
    assert pixels[150, 150].max() < 60, "the square that stands for a face is filled"


def test_a_scale_beside_the_wound_goes_with_the_picture(device):
    card = np.full((260, 900, 3), 255, np.uint8)
    for x, y, width, height in (np.array(box) * 10 for box in marker_boxes()):
        card[round(y) : round(y + height), round(x) : round(x + width)] = 0
    for path in device.pictures.iterdir():
        path.unlink()
    scene = ward_picture(1600, 1200)
    scene[800:1060, 400:1300] = card
    write_picture(device.pictures / "scene.png", scene)
    kept = device.story(_accepted)
    opened = open_envelope(parse_envelope(device.vault.read(kept["capture"])), [device.opening])
    assert opened.manifest["marker"]["seen"]
    assert opened.manifest["marker"]["pixels_per_mm"] == pytest.approx(10.0, rel=0.01)


def test_the_ledger_says_that_a_capture_was_sealed_before_the_client_hears_it(device, tmp_path):
    async def act(client):
        kept = await client.accept((await client.take())["id"], ENCOUNTER)
        return kept, (tmp_path / "ledger" / "camera.jsonl").read_text().splitlines()

    kept, lines = device.story(act)
    assert any(LedgerEvent.CAPTURE_SEALED in line and kept["capture"] in line for line in lines)
    assert not any("PAT-4711" in line for line in lines)


def test_what_each_stage_took_adds_up_to_the_machines_share(device):
    kept = device.story(_accepted)["milliseconds"]
    ours = [kept[stage] for stage in ("camera", "deidentify", "quality", "encode", "seal", "store")]
    assert kept["total_ms"] == pytest.approx(sum(ours), abs=0.5)


async def _accepted(client):
    return await client.accept((await client.take())["id"], ENCOUNTER)


def test_accepting_again_gives_the_same_answer_and_no_second_envelope(device):
    async def act(client):
        still = await client.take()
        return [await client.accept(still["id"], ENCOUNTER) for _ in range(2)]

    first, second = device.story(act)
    assert first == second
    assert len(device.vault.entries()) == 1


def test_the_live_view_moves_and_every_moment_is_covered(device):
    async def act(client):
        async with client.live() as stream:
            return [parse_live_message(await stream.next_message()) for _ in range(12)]

    moments = [moment for moment in device.story(act) if moment.jpeg]
    assert len(moments) > 3
    sequences = [moment.facts["sequence"] for moment in moments]
    assert sequences == sorted(set(sequences))
    assert len({moment.jpeg for moment in moments}) > 1, "a replayed picture drifts"
    for moment in moments:
        pixels = read_picture(moment.jpeg)
        assert pixels.shape[1] <= 640
        assert pixels.shape[0] <= 480
        assert [region["kind"] for region in moment.facts["regions"]] == ["face"]
        magenta = (pixels[:, :, 0] > 180) & (pixels[:, :, 1] < 80) & (pixels[:, :, 2] > 180)
        assert not magenta.any()


def test_a_slow_reader_gets_the_latest_moment_and_never_a_queue(device):
    async def act(client):
        async with client.live() as stream:
            first = parse_live_message(await stream.next_message())
            await device.healthy(client, lambda h: h["live_fps"] > 5)
            before = time.monotonic()
            latest = parse_live_message(await stream.next_message())
            return first.facts["sequence"], latest.facts, time.monotonic() - before

    first, latest, waited = device.story(act)
    assert latest["sequence"] > first + 5
    assert latest["age_ms"] < 1000
    assert waited < 1


def test_a_camera_that_goes_away_is_said_shows_nothing_and_recovers(device):
    async def act(client):
        async with client.live() as stream:
            assert parse_live_message(await stream.next_message()).jpeg
            away = device.pictures.rename(device.pictures.with_name("away"))
            gone = await device.healthy(client, lambda h: h["camera"]["state"] == "missing")
            async with asyncio.timeout(30):
                while (moment := parse_live_message(await stream.next_message())).jpeg:
                    pass
            with pytest.raises(CameraServiceRefused) as refused:
                await client.take()
            away.rename(device.pictures)
            async with asyncio.timeout(30):
                while not parse_live_message(await stream.next_message()).jpeg:
                    pass
            still = await client.take()
            return gone, moment, refused.value, still

    gone, moment, refused, still = device.story(act)
    assert "not there" in gone["camera"]["sentence"]
    assert moment.facts["camera"]["state"] == "missing"
    assert (refused.status, refused.error) == (503, "camera_not_ready")
    assert refused.sentence == gone["camera"]["sentence"]
    assert still["unanswered"] == []


def test_a_detector_that_breaks_keeps_nothing_shows_nothing_and_says_why(device):
    async def act(client):
        device.detector.broken = True
        with pytest.raises(CameraServiceRefused) as refused:
            await client.take()
        health = await device.healthy(client, lambda h: h["engine"]["state"] == "failed")
        async with client.live() as stream, asyncio.timeout(30):
            while parse_live_message(await stream.next_message()).jpeg:
                pass
        device.detector.broken = False
        await device.healthy(client, lambda h: h["engine"]["state"] == "ready")
        return refused.value, health

    refused, health = device.story(act)
    assert (refused.status, refused.error) == (503, "engine_not_ready")
    assert "nothing was kept" in refused.sentence
    assert health["stills_held"] == 0


def test_a_fifth_still_is_refused_until_one_is_answered(device):
    async def act(client):
        stills = [await client.take() for _ in range(4)]
        with pytest.raises(CameraServiceRefused) as refused:
            await client.take()
        await client.discard(stills[0]["id"])
        await client.take()
        return refused.value, await client.health()

    refused, health = device.story(act)
    assert (refused.status, refused.error) == (409, "stills_full")
    assert health["stills_held"] == 4


def test_locking_the_screen_forgets_every_still(device):
    async def act(client):
        still = await client.take()
        await client.discard_all()
        with pytest.raises(CameraServiceRefused) as refused:
            await client.still(still["id"])
        return refused.value, await client.health()

    refused, health = device.story(act)
    assert (refused.status, refused.error) == (404, "still_unknown")
    assert health["stills_held"] == 0


def test_the_socket_is_for_owner_and_group_only_and_gone_after_a_stop(device):
    async def act(_client):
        return stat.S_IMODE(device.socket.stat().st_mode)

    assert device.story(act) == 0o660
    assert not device.socket.exists()


def test_a_service_that_is_away_is_said_in_a_sentence(tmp_path):
    async def ask():
        async with CameraClient(tmp_path / "nobody.sock") as client:
            with pytest.raises(CameraServiceAway) as away:
                await client.health()
            with pytest.raises(CameraServiceAway):
                async with client.live():
                    pass
            return away.value.sentence

    assert "call IT" in asyncio.run(ask())


def test_nothing_is_written_but_the_vault_and_the_ledger(device, tmp_path):
    before = {path for path in tmp_path.rglob("*") if path.is_file()}

    async def act(client):
        await client.take()
        await _accepted(client)
        return {path for path in tmp_path.rglob("*") if path.is_file()}

    new = {path.relative_to(tmp_path).parts[0] for path in device.story(act) - before}
    assert new <= {"vault", "ledger"}


def test_every_answer_to_a_wrong_request_has_a_slug_and_a_sentence(device):
    async def act(client):
        still = (await client.take())["id"]
        requests = [
            ("POST", f"/stills/{still}/decisions", b"not json"),
            ("POST", f"/stills/{still}/decisions", b"[]"),
            ("POST", f"/stills/{still}/decisions", b'[{"action":"remove","kind":"face","index":0,"by":"nurse"}]'),
            (
                "POST",
                f"/stills/{still}/decisions",
                b'[{"action":"remove","kind":"face","index":9,"reason":"x y","by":"n"}]',
            ),
            ("POST", f"/stills/{still}/accept", b"{}"),
            ("POST", f"/stills/{still}/accept", json.dumps({"encounter": {**ENCOUNTER, "patient": ""}}).encode()),
            ("POST", f"/stills/{still}/accept", b"[" * 100_000),
            ("POST", f"/stills/{still}/accept", b" " * 300_000),
            ("GET", f"/stills/{still}.jpg?width=0", b""),
            ("GET", f"/stills/{still}.jpg?width=many", b""),
            ("GET", f"/stills/{'0' * 32}", b""),
        ]
        transport = httpx.AsyncHTTPTransport(uds=str(device.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://camera") as http:
            answers = [await http.request(method, path, content=body) for method, path, body in requests]
        return answers, (await client.health())["stills_held"]

    answers, held = device.story(act)
    for answer in answers:
        assert answer.status_code in (400, 404), answer.request.url
        assert answer.json()["error"] in ("request_wrong", "still_unknown")
        assert answer.json()["sentence"].endswith((".", ". "))
    assert held == 1
    assert device.vault.entries() == ()


def test_an_unsure_kind_is_not_sealed_until_a_person_answers(device):
    device.detector.kinds = frozenset(Kind) - {Kind.TATTOO}

    async def act(client):
        still = await client.take()
        with pytest.raises(CameraServiceRefused) as refused:
            await client.accept(still["id"], ENCOUNTER)
        nothing_yet = device.vault.entries()
        answered = await client.decide(still["id"], [{"action": "confirm", "kind": "tattoo", "by": "nurse-7"}])
        return still, refused.value, nothing_yet, answered, await client.accept(still["id"], ENCOUNTER)

    still, refused, nothing_yet, answered, kept = device.story(act)
    assert still["unanswered"] == ["tattoo"]
    assert (refused.status, refused.error, refused.unanswered) == (409, "unanswered", ("tattoo",))
    assert nothing_yet == ()
    assert answered["unanswered"] == []
    manifest = open_envelope(parse_envelope(device.vault.read(kept["capture"])), [device.opening]).manifest
    (decision,) = manifest["redaction"]["decisions"]
    assert (decision["action"], decision["kind"], decision["by"]) == ("confirm", "tattoo", "nurse-7")


def test_a_person_uncovers_and_covers_and_both_are_in_what_is_sealed(device):
    async def act(client):
        still = await client.take()
        decisions = [
            {"action": "remove", "kind": "face", "index": 0, "by": "nurse-7", "reason": "a pattern on the blanket"},
            {
                "action": "add",
                "kind": "text",
                "by": "nurse-7",
                "polygon": [[400, 300], [600, 300], [600, 400], [400, 400]],
            },
        ]
        revised = await client.decide(still["id"], decisions)
        shown = read_picture(await client.picture(still["id"]))
        return revised, shown, await client.accept(still["id"], ENCOUNTER)

    revised, shown, kept = device.story(act)
    assert [(region["kind"], region["model"]) for region in revised["redaction"]["regions"]] == [("text", "person")]
    assert shown[150, 150, 0] > 200, "the square is seen again"
    assert shown[350, 500].max() < 60, "what was drawn is filled"
    opened = open_envelope(parse_envelope(device.vault.read(kept["capture"])), [device.opening])
    assert opened.manifest["redaction"] == revised["redaction"]
    assert [decision["action"] for decision in revised["redaction"]["decisions"]] == ["remove", "add"]


def test_a_ledger_that_cannot_write_is_said_and_the_next_try_ends_with_one_envelope(device):
    real = device.parts.ledger
    refusing = RefusingOnce(real)

    async def act(client):
        still = await client.take()
        with pytest.raises(CameraServiceRefused) as refused:
            await client.accept(still["id"], ENCOUNTER)
        return refused.value, await client.accept(still["id"], ENCOUNTER)

    refused, kept = device.with_parts(ledger=refusing).story(act)
    assert (refused.status, refused.error) == (503, "ledger_unusable")
    (entry,) = device.vault.entries()
    assert entry.digest == kept["digest"]
    assert real.head.sequence >= 1


def test_start_and_end_and_whether_the_models_loaded_are_on_the_ledger(device, tmp_path):
    def told():
        raw = (tmp_path / "ledger" / "camera.jsonl").read_bytes().splitlines()
        return [(line.event, dict(line.facts)) for line in map(parse_line, raw)]

    async def act(client):
        health = await device.healthy(client, lambda health: health["self_test"]["state"] != "pending")
        return health["engine"]["state"]

    async def fails(parts):
        async with CameraClient(parts.socket) as client:
            await parts.healthy(client, lambda health: health["engine"]["state"] == "failed")

    def load():
        raise ModelUnusable("The model centerface is not the one that the manifest names.")

    assert device.story(act) == "ready"
    broken = device.with_parts(load_engine=load)
    with broken.running():
        asyncio.run(fails(broken))
    models = len(device.parts.load_engine().facts)
    assert told() == [
        ("self-tested", {"result": "passed", "models": models}),
        ("service-stopped", {}),
        ("self-tested", {"result": "failed", "models": 0, "part": "engine"}),
        ("service-stopped", {}),
    ]


class RefusingOnce:
    """The real ledger behind a disk that fails the first time that a picture is to be told."""

    def __init__(self, ledger):
        self._ledger, self._refuse = ledger, True

    def last(self, event):
        return self._ledger.last(event)

    def append(self, event, **facts):
        if self._refuse and event is LedgerEvent.CAPTURE_SEALED:
            self._refuse = False
            raise LedgerUnwritable
        return self._ledger.append(event, **facts)


def test_a_vault_that_is_gone_refuses_in_sight_and_keeps_the_still(device):
    async def act(client):
        still = await client.take()
        shutil.rmtree(device.pictures.parent / "vault" / "envelopes")
        (device.pictures.parent / "vault" / "envelopes").write_text("in the way")
        with pytest.raises(CameraServiceRefused) as refused:
            await client.accept(still["id"], ENCOUNTER)
        return refused.value, await client.health()

    refused, health = device.story(act)
    assert refused.status in (503, 507)
    assert refused.sentence
    assert health["stills_held"] == 1
