"""What a frame costs through picamera2 beside a replayed one, how many there are a second, and how old they are shown.

docs/benchmarks.md has the figures of a quiet machine; `-s` prints those of this one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from capture.camera import CameraSettings, ReplayCamera
from capture.encoding import LIVE_QUALITY, encode_jpeg
from inference import Deidentifier, Kind

LORES = (640, 480)
RATE, FRAMES, WARM_UP, TURNS = 15.0, 30, 10, 4
BAR = 1.3


def moments(camera, look, count) -> list[float]:
    """The age of each of `count` moments of the live view when it was ready, milliseconds."""
    ages = []
    for _ in range(count):
        frame = camera.preview()
        look(frame)
        ages.append((time.monotonic_ns() - frame.monotonic_ns) / 1e6)
    return ages


@dataclass(frozen=True, slots=True)
class Turn:
    """Of some moments: processor time of one, all threads and libcamera's too, and their ages, milliseconds; rate."""

    cost: float
    ages: list[float]
    rate: float


def turn(camera, look) -> Turn:
    camera.open()
    moments(camera, look, WARM_UP)
    cost, begun = time.process_time(), time.monotonic()
    ages = moments(camera, look, FRAMES)
    cost, taken = time.process_time() - cost, time.monotonic() - begun
    camera.close()
    return Turn(cost / FRAMES * 1000, ages, FRAMES / taken)


def in_turns(cameras, look) -> dict[str, list[Turn]]:
    """What else runs here slows both alike; the quietest turn of each counts."""
    turns = {name: [] for name in cameras}
    for _ in range(TURNS):
        for name, camera in cameras.items():
            turns[name].append(turn(camera, look))
    return turns


@pytest.fixture(scope="module")
def engine(models_folder) -> Iterator[Deidentifier]:
    loaded = Deidentifier.load(models_folder, threads=1)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def live(engine):
    """Looks for faces alone, so that each frame costs the same: the other kinds are looked for by time."""
    faces = engine.live_only(Kind.FACE)
    yield lambda frame: encode_jpeg(faces.live(frame), quality=LIVE_QUALITY)
    faces.close()


@pytest.fixture
def cameras(make_camera, one_picture, virtual):
    """The same picture before both, as often."""

    def make(rate):
        virtual.TROUBLE.frames_per_second = rate
        replay = ReplayCamera(CameraSettings("replay", sources=(one_picture,), frames_per_second=rate))
        return {"replay": replay, "picamera2": make_camera(device="3", still_size=LORES)}  # paced by the camera

    return make


def say(words: str) -> None:
    sys.stderr.write(f"\n{words}\n")


def test_a_frame_through_picamera2_costs_at_most_a_third_more_than_a_replayed_one(cameras, live):
    costs = {}
    for what, look in (("camera alone", lambda frame: frame), ("light to redacted JPEG", live)):
        turns = in_turns(cameras(RATE), look)
        costs = {name: min(turn.cost for turn in turns) for name, turns in turns.items()}
        say(f"{what}, ms of processor time a frame: " + ", ".join(f"{name} {ms:.2f}" for name, ms in costs.items()))
    ratio = costs["picamera2"] / costs["replay"]
    say(f"ratio {ratio:.2f} (bar {BAR})")
    assert ratio <= BAR


def test_the_live_view_through_picamera2_is_quick_and_shows_what_is_now(cameras, live):
    turns = in_turns(cameras(60.0), live)
    best = {name: max(each, key=lambda turn: turn.rate) for name, each in turns.items()}
    rates = {name: turn.rate for name, turn in best.items()}
    ages = {name: np.percentile(turn.ages, (50, 95)) for name, turn in best.items()}
    for name, rate in rates.items():
        say(f"{name}: {rate:.1f} frames/s, light to redacted JPEG p50 {ages[name][0]:.0f}, p95 {ages[name][1]:.0f} ms")
    assert rates["picamera2"] >= min(15.0, rates["replay"] / 2), "the bar is 15 where the machine has them"
    assert ages["picamera2"][0] <= 2 * ages["replay"][0] + 3 * 1000 / 60, "one frame that waits, and two under way"
