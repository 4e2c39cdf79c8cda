"""The device's test of itself: what it looks at, when, and what it holds up until it has passed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from capture.errors import CameraServiceRefused, CaptureError, SelfTestFailed, SelfTestPending, VaultFull
from capture.ledger import LedgerEvent
from capture.service.self_test import SelfTest, SelfTested, SelfTestState, looks_at
from inference import Frame
from tests.capture.service.conftest import MAGENTA, ward_picture

LONG = 30.0


class Bench:
    """A test of parts that are as the test says, and what it told."""

    def __init__(self, *parts: str, **settings: object) -> None:
        self.wrong = dict.fromkeys(parts, "")
        self.looked = dict.fromkeys(parts, 0)
        self.told: list[SelfTested] = []
        self.ready = threading.Event()
        self.heard = threading.Condition()
        checks = {part: lambda part=part: self._look(part) for part in parts}
        self.test = SelfTest(checks, self.ready, told=self._hear, wall_ms=lambda: 1 + len(self.told), **settings)

    def _look(self, part: str) -> str:
        self.looked[part] += 1
        return self.wrong[part]

    def _hear(self, result: SelfTested) -> None:
        with self.heard:
            self.told.append(result)
            self.heard.notify_all()

    def until(self, count: int) -> None:
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.told) >= count, LONG)

    @contextmanager
    def running(self) -> Iterator[None]:
        self.test.start()
        self.ready.set()
        try:
            yield
        finally:
            self.test.stop(LONG)


def test_nothing_is_tested_before_pictures_can_be_looked_at() -> None:
    bench = Bench("phantom", first_s=0.0)
    bench.test.start()
    with pytest.raises(SelfTestPending):
        bench.test.require()
    assert bench.test.last.state is SelfTestState.PENDING
    bench.test.stop(LONG)
    assert bench.told == []


def test_the_first_picture_waits_for_the_first_test() -> None:
    bench = Bench("phantom", first_s=LONG)
    asked = threading.Thread(target=bench.test.require)
    asked.start()
    with bench.running():
        asked.join(LONG)
        assert not asked.is_alive()


def test_a_failed_part_holds_the_shutter_until_it_passes_and_is_tried_alone() -> None:
    bench = Bench("phantom", "keys", again_s=0.01)
    bench.wrong["keys"] = "The keys are gone. Call IT."
    with bench.running():
        bench.until(1)
        with pytest.raises(SelfTestFailed, match=r"The keys are gone\. Call IT\."):
            bench.test.require()
        bench.wrong["keys"] = ""
        bench.until(2)
        bench.test.require()
    assert [result.failed for result in bench.told] == [("keys",), ()]
    assert bench.looked["phantom"] == 1


def test_what_the_shutter_meets_by_itself_holds_it_not() -> None:
    bench = Bench("camera", elsewhere=("camera",), again_s=LONG)
    bench.wrong["camera"] = "There is no camera."
    with bench.running():
        bench.until(1)
        bench.test.require()
        assert bench.test.last.failed == ("camera",)


def test_it_is_repeated_every_day() -> None:
    bench = Bench("phantom", every_s=0.01)
    with bench.running():
        bench.until(3)
    assert bench.looked["phantom"] >= 3


def test_it_can_be_asked_for() -> None:
    bench = Bench("phantom")
    with bench.running():
        bench.until(1)
        bench.wrong["phantom"] = "It sees nothing."
        assert bench.test.now(LONG).sentence == "It sees nothing."


@pytest.mark.parametrize(
    ("raised", "sentence"), [(VaultFull(), VaultFull().sentence), (RuntimeError("boom"), "unforeseen way")]
)
def test_a_part_that_cannot_be_asked_has_failed(raised: Exception, sentence: str) -> None:
    bench = Bench("disk")

    def look(_part: str) -> str:
        raise raised

    bench._look = look
    with bench.running():
        bench.until(1)
    assert sentence in bench.told[0].sentence


class Square:
    """A phantom whose only identifier is the magenta square that the tests' detector finds."""

    def __init__(self, *, seen: bool = True) -> None:
        self.pixels = ward_picture(640, 480)
        if not seen:
            self.pixels[300:340, 300:340] = (0, 255, 0)

    def shortcomings(self, covered: np.ndarray) -> tuple[str, ...]:
        left = (covered == np.array(MAGENTA)).all(axis=2).any() or (covered == np.array((0, 255, 0))).all(axis=2).any()
        return ("face",) if left else ()


def test_a_device_that_hides_its_phantom_takes_pictures_and_says_so_on_the_ledger(device) -> None:
    told = []
    device = device.with_parts(phantom=Square, self_tested=lambda result, models: told.append((result, models)))

    async def act(client):
        still = await client.take()
        return still, await client.health(), await client.self_test()

    still, health, again = device.story(act)
    assert still["id"]
    assert (health["self_test"]["state"], again["state"]) == ("passed", "passed")
    assert again["at_ms"] >= health["self_test"]["at_ms"] > 0
    assert set(told[0][0].parts) == {"phantom", "sealing", "camera", "disk"}
    assert told[0][1] == {"colour": "0" * 64}
    assert device.parts.ledger.last(LedgerEvent.SELF_TESTED).facts == {"result": "passed", "models": 1}
    assert device.vault.entries() == ()


def test_a_device_that_does_not_hide_its_phantom_takes_none(device) -> None:
    device = device.with_parts(phantom=lambda: Square(seen=False))

    async def act(client):
        with pytest.raises(CameraServiceRefused) as refused:
            await client.take()
        return refused.value, await client.health()

    refused, health = device.story(act)
    assert (refused.status, refused.error) == (503, "self_test_failed")
    assert "test picture (face)" in refused.sentence
    assert list(health["self_test"]["failed"]) == ["phantom"]
    facts = device.parts.ledger.last(LedgerEvent.SELF_TESTED).facts
    assert facts == {"result": "failed", "part": "phantom", "models": 1}
    assert health["stills_held"] == 0


def test_a_device_whose_part_fails_says_which(device) -> None:
    device = device.with_parts(checks={"keys": lambda: "The device's keys are gone. Call IT."})

    async def act(client):
        with pytest.raises(CameraServiceRefused) as refused:
            await client.take()
        return refused.value

    assert device.story(act).sentence == "The device's keys are gone. Call IT."


def test_a_picture_that_cannot_be_sealed_is_no_passed_test() -> None:
    def seal(_photo: object) -> None:
        raise CaptureError("The signing key is of another certificate.")

    checks = looks_at(Square, _photo_of, seal)
    assert checks["phantom"]() == ""
    with pytest.raises(CaptureError, match="another certificate"):
        checks["sealing"]()


def test_sealing_that_failed_is_tried_with_a_picture_and_not_forgotten() -> None:
    """A part that failed is tried again alone: without the picture's test before it."""
    tried = []

    def seal(photo: object) -> None:
        tried.append(photo)
        if len(tried) < 3:
            raise CaptureError("The signing key is of another certificate.")

    bench = Bench("camera", again_s=0.01)
    bench.test._checks = looks_at(Square, _photo_of, seal)
    with bench.running():
        bench.until(2)
    assert [result.failed for result in bench.told] == [("sealing",), ()]
    assert len(tried) == 3


def test_a_picture_that_could_not_be_looked_at_is_not_taken_for_sealed() -> None:
    def still(_frame: Frame) -> object:
        raise CaptureError("The models are gone.")

    checks = looks_at(Square, still, lambda _photo: None)
    for part in ("phantom", "sealing"):
        with pytest.raises(CaptureError, match="models are gone"):
            checks[part]()


def _photo_of(frame: Frame) -> object:
    class Photo:
        pixels = np.zeros_like(frame.pixels)

    return Photo()
