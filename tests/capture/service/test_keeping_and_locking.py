"""A picture that is stored while the ledger cannot say so, or while the screen locks: told once, and told truly."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from capture.errors import CameraServiceRefused, LedgerUnwritable, VaultFull, VaultUnwritable
from capture.ledger import LedgerEvent, parse_line
from capture.service import CameraClient
from capture.service.scanning import SCAN_S
from tests.capture.service.test_camera_service_story import ENCOUNTER

SEALED, DISCARDED = LedgerEvent.CAPTURE_SEALED.value, LedgerEvent.STILL_DISCARDED.value


class Standing:
    """Stands before a real part and passes on what it does not do itself."""

    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        return getattr(self._real, name)


class Refusing(Standing):
    """The real ledger behind a disk that cannot write that a picture was sealed, until `heals`."""

    heals = False

    def append(self, event, **facts):
        if event is LedgerEvent.CAPTURE_SEALED and not self.heals:
            raise LedgerUnwritable
        return self._real.append(event, **facts)


class Slow(Standing):
    """The real vault on a disk that takes its time, and then does what it is asked or not."""

    def __init__(self, real, *, refuses=False):
        super().__init__(real)
        self._refuses = refuses
        self.asked, self.goes_on = threading.Event(), threading.Event()

    def put(self, envelope, **more):
        self.asked.set()
        assert self.goes_on.wait(30)
        if self._refuses:
            raise VaultUnwritable
        return self._real.put(envelope, **more)


def told(tmp_path):
    lines = (tmp_path / "ledger" / "camera.jsonl").read_bytes().splitlines()
    return [line.event for line in map(parse_line, lines) if line.event in {SEALED, DISCARDED}]


async def stored_untold(client):
    """A still that is stored and not on the ledger."""
    still = await client.take()
    with pytest.raises(CameraServiceRefused) as refused:
        await client.accept(still["id"], ENCOUNTER)
    assert refused.value.error == "ledger_unusable"
    return still


def test_a_decision_that_is_repeated_after_a_lost_answer_is_not_made_twice(device):
    async def act(client):
        still = await client.take()
        for left in (10, 300):
            polygon = [[left, 10], [left + 50, 10], [left + 50, 60]]
            added = {"action": "add", "kind": "text", "by": "nurse-7", "polygon": polygon}
            still = await client.decide(still["id"], [added])
        seen = len(still["redaction"]["decisions"])
        place = next(n for n, region in enumerate(still["redaction"]["regions"]) if region["kind"] == "text")
        remove = {"action": "remove", "kind": "text", "index": place, "reason": "It is the wound", "by": "nurse-7"}
        once = await client.decide(still["id"], [remove], after=seen)
        with pytest.raises(CameraServiceRefused) as again:
            await client.decide(still["id"], [remove], after=seen)
        return once, again.value, await client.still(still["id"])

    once, again, now = device.story(act)
    assert (again.status, again.error) == (409, "still_changed")
    assert now["redaction"]["regions"] == once["redaction"]["regions"]
    assert sum(region["kind"] == "text" for region in now["redaction"]["regions"]) == 1


def test_what_is_stored_is_not_stored_again_as_something_else(device, tmp_path):
    ledger = Refusing(device.parts.ledger)

    async def act(client):
        still = await stored_untold(client)
        with pytest.raises(CameraServiceRefused) as decided:
            await client.decide(still["id"], [{"action": "confirm", "kind": "tattoo", "by": "nurse-7"}])
        ledger.heals = True
        with pytest.raises(CameraServiceRefused) as other:
            await client.accept(still["id"], ENCOUNTER | {"patient": "PAT-4712"})
        return decided.value, other.value, await client.accept(still["id"], ENCOUNTER)

    decided, other, kept = device.with_parts(ledger=ledger).story(act)
    assert (decided.status, decided.error) == (404, "still_unknown")
    assert (other.status, other.error) == (409, "still_stored")
    (entry,) = device.vault.entries()
    assert entry.digest == kept["digest"]
    assert told(tmp_path) == [SEALED]


def test_a_stored_picture_that_is_dropped_on_the_screen_is_told_as_sealed(device, tmp_path):
    ledger = Refusing(device.parts.ledger)

    async def act(client):
        await stored_untold(client)
        await client.discard_all()
        ledger.heals = True
        await client.take()
        await client.discard_all()

    device.with_parts(ledger=ledger).story(act)
    assert len(device.vault.entries()) == 1
    assert told(tmp_path) == [SEALED, DISCARDED]


def test_what_a_power_cut_left_untold_is_told_at_the_next_start(device, tmp_path):
    async def accepted(client):
        return await client.accept((await client.take())["id"], ENCOUNTER)

    device.story(accepted)
    device.with_parts(ledger=Refusing(device.parts.ledger)).story(stored_untold)
    first, second = device.vault.entries()

    async def restarted(client):
        return await client.health()

    device.story(restarted)
    device.story(restarted)
    assert told(tmp_path) == [SEALED, SEALED]
    last = device.parts.ledger.last(LedgerEvent.CAPTURE_SEALED)
    assert {name: last.facts[name] for name in ("capture", "digest", "length", "counter")} == {
        "capture": second.capture, "digest": second.digest, "length": second.length, "counter": second.counter,
    }  # fmt: skip
    assert first.counter < second.counter


@pytest.mark.parametrize("refuses", [False, True])
def test_a_screen_that_locks_while_a_picture_is_kept_comes_too_late_or_drops_it(device, tmp_path, refuses):
    vault = Slow(device.vault, refuses=refuses)

    async def act(client):
        still = await client.take()
        accepting = asyncio.create_task(client.accept(still["id"], ENCOUNTER))
        assert await asyncio.to_thread(vault.asked.wait, 30)
        await client.discard_all()
        vault.goes_on.set()
        (answer,) = await asyncio.gather(accepting, return_exceptions=True)
        return answer, await client.health()

    answer, health = device.with_parts(vault=vault).story(act)
    assert health["stills_held"] == 0
    assert told(tmp_path) == [DISCARDED if refuses else SEALED]
    assert len(device.vault.entries()) == (0 if refuses else 1)
    assert isinstance(answer, CameraServiceRefused) is refuses


def test_asking_twice_while_the_disk_takes_its_time_holds_nobody_else_up(device):
    vault = Slow(device.vault)

    async def act(client):
        still = await client.take()
        twice = [asyncio.create_task(client.accept(still["id"], ENCOUNTER)) for _ in range(2)]
        assert await asyncio.to_thread(vault.asked.wait, 30)
        async with asyncio.timeout(10):
            health = await client.health()
        vault.goes_on.set()
        return health, await asyncio.gather(*twice)

    health, (once, again) = device.with_parts(vault=vault).story(act)
    assert health["camera"]["state"] == "ready"
    assert once == again


def test_a_device_without_room_says_so_before_a_picture_is_taken(device, monkeypatch):
    monkeypatch.setattr(device.vault, "_reserve", 1 << 60)

    async def act(client):
        return await client.health()

    said = device.story(act)["vault"]
    assert not said["writable"]
    assert said["sentence"] == VaultFull().sentence


class Looking(Standing):
    """The real engine, and whether it has been asked to read codes."""

    scanned = threading.Event()

    def scan(self, frame):
        self.scanned.set()
        return self._real.scan(frame)


def test_a_scan_that_waits_for_a_badge_does_not_hold_up_the_end(device):
    engine = Looking(device.parts.load_engine())

    async def act():
        async with CameraClient(device.socket, timeout_s=60) as client:
            await device.healthy(client, lambda h: h["camera"]["state"] == h["engine"]["state"] == "ready")
            scanning = asyncio.create_task(client.scan("badge"))
            assert await asyncio.to_thread(engine.scanned.wait, 30)
            scanning.cancel()

    with device.with_parts(load_engine=lambda: engine).running():
        asyncio.run(act())
        began = time.monotonic()
    assert time.monotonic() - began < SCAN_S / 2
