"""How fast the live view is, how late a frame, and how old each kind's last look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from capture.camera import CameraSettings, open_camera
from capture.errors import CameraFailed
from firmware.measuring.figures import per_second, percentiles
from inference import Deidentifier, Frame, Kind, Pixels
from inference.scenes import draw_scene

LIVE_SIZE: Final = (640, 480)
_DRIFT: Final = 32
_SEED: Final = 7
NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Watched:
    """What the live view did, frame by frame.

    Attributes:
        latencies: frame in to redacted frame out, milliseconds.
        ages: kind → how much older than the frame the look is that covers it, milliseconds.
    """

    latencies: tuple[float, ...]
    ages: dict[Kind, tuple[float, ...]]


def live_frames(video: Path | None) -> Iterator[Frame]:
    """Frames of the live view: of `video`, or a drawn scene that a hand-held camera drifts over, without end."""
    if video is not None:
        camera = open_camera(CameraSettings("replay", sources=(video,), loop=False, frames_per_second=1000.0))
        camera.open()
        try:
            while True:
                yield camera.preview()
        except CameraFailed:
            return
        finally:
            camera.close()
    scene = _drawn()
    step = 0
    while True:
        left, top = (round(_DRIFT + (_DRIFT - 1) * f(step / 40)) for f in (np.sin, np.cos))
        pixels = scene[top : top + LIVE_SIZE[1], left : left + LIVE_SIZE[0]]
        yield Frame(np.ascontiguousarray(pixels), time.monotonic_ns())
        step += 1


@cache
def _drawn() -> Pixels:
    return draw_scene(_SEED, (LIVE_SIZE[0] + 2 * _DRIFT, LIVE_SIZE[1] + 2 * _DRIFT)).pixels


def watch(deidentifier: Deidentifier, frames: Iterator[Frame], count: int) -> Watched:
    """The first `count` frames, one after the other."""
    latencies: list[float] = []
    ages: dict[Kind, list[float]] = {}
    for frame in islice(frames, count):
        start = time.perf_counter()
        deidentifier.live(frame)
        latencies.append((time.perf_counter() - start) * 1000)
        for kind, age in deidentifier.ages(frame).items():
            ages.setdefault(kind, []).append(age / NS_PER_MS)
    return Watched(tuple(latencies), {kind: tuple(seen) for kind, seen in ages.items()})


def measure_live(deidentifier: Deidentifier, video: Path | None, count: int) -> dict[str, Any]:
    """All kinds: frames a second, latency, and the age of each kind's last look."""
    watched = watch(deidentifier, live_frames(video), count)
    return {
        "live_frames": len(watched.latencies),
        "live_fps": per_second(watched.latencies),
        "live_latency_ms": percentiles(watched.latencies),
        "live_look_age_ms": {
            str(kind): percentiles(ages, (50, 99)) | {"most": max(ages)} for kind, ages in watched.ages.items()
        },
    }


def measure_faces_only(deidentifier: Deidentifier, video: Path | None, count: int) -> dict[str, Any]:
    """The same frames, looked at for faces and nothing else: what other programs do."""
    faces = deidentifier.live_only(Kind.FACE)
    try:
        watched = watch(faces, live_frames(video), count)
    finally:
        faces.close()
    return {"faces_only_fps": per_second(watched.latencies), "faces_only_latency_ms": percentiles(watched.latencies)}
