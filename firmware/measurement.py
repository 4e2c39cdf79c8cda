"""Figures of this machine: how fast the live view, a still and a seal are. What `wardlens bench` prints.

Medians and percentiles over repeated runs; the pictures are drawn scenes unless a video is given, so that two machines
look at the same thing.
"""

from __future__ import annotations

import hashlib
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec

from capture.camera import CameraSettings, open_camera
from capture.encoding import encode_jpeg
from capture.envelope import Body, KeySigner, SealingContext, SealingKey, seal
from capture.errors import CameraFailed
from capture.identifiers import CaptureId, DeviceId, SiteId
from capture.vault import Vault
from firmware.terminal import Advance
from inference import Deidentifier, Frame
from inference.scenes import draw_scene

MEGABYTE: Final = 1_000_000
SEALED_MEGABYTES: Final = 5
LIVE_SIZE: Final = (640, 480)
STILL_SIZE: Final = (4032, 3024)


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """How much is measured.

    Attributes:
        live_frames: frames of the live view.
        stills: 12-megapixel stills.
        seals: envelopes of 5 MB.
        video: a video for the live view in place of a drawn scene.
    """

    live_frames: int = 300
    stills: int = 12
    seals: int = 20
    video: Path | None = None


def measure(deidentifier: Deidentifier, recipient: SealingKey, plan: BenchPlan, advance: Advance) -> dict[str, Any]:
    """Every figure, in milliseconds, megabytes (10⁶ bytes) per second or frames per second."""
    advance(0, "live view")
    live = measure_live(deidentifier, live_frames(plan.video), plan.live_frames)
    advance(1, "stills")
    with tempfile.TemporaryDirectory(prefix="wardlens-bench-") as folder:
        stills = measure_stills(deidentifier, _context(recipient), Vault(Path(folder) / "vault"), plan.stills)
    advance(2, "sealing")
    facts = {"machine": machine_facts(), "models": dict(deidentifier.facts)}
    figures = {**facts, **live, **stills, **measure_sealing(_context(recipient), plan.seals)}
    advance(3, "done")
    return figures


def machine_facts() -> dict[str, Any]:
    """What a figure depends on: processor, cores, system, Python."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


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
    scene = draw_scene(7, (LIVE_SIZE[0] + 64, LIVE_SIZE[1] + 64)).pixels
    step = 0
    while True:
        left, top = (round(32 + 31 * f(step / 40)) for f in (np.sin, np.cos))
        pixels = scene[top : top + LIVE_SIZE[1], left : left + LIVE_SIZE[0]]
        yield Frame(np.ascontiguousarray(pixels), time.monotonic_ns())
        step += 1


def measure_live(deidentifier: Deidentifier, frames: Iterator[Frame], count: int) -> dict[str, Any]:
    """Frames per second and latency of the live view: frame in to redacted frame out."""
    latencies: list[float] = []
    for frame in islice(frames, count):
        start = time.perf_counter()
        deidentifier.live(frame)
        latencies.append((time.perf_counter() - start) * 1000)
    return {
        "live_frames": len(latencies),
        "live_fps": 1000 * len(latencies) / sum(latencies),
        "live_latency_ms": {f"p{q}": percentile(latencies, q) for q in (50, 95, 99)},
    }


def measure_stills(deidentifier: Deidentifier, context: SealingContext, vault: Vault, count: int) -> dict[str, Any]:
    """Shutter to sealed and durable, 12 megapixels, median of each stage."""
    scene = Frame(draw_scene(11, STILL_SIZE).pixels, 0)
    rows: list[Mapping[str, float]] = []
    for index in range(count):
        start = time.perf_counter()
        photo = deidentifier.still(scene)
        looked = time.perf_counter()
        jpeg = encode_jpeg(photo)
        encoded = time.perf_counter()
        sealed_under = _numbered(context, index)
        envelope = seal(Body(b"{}", jpeg.data), sealed_under)
        sealed = time.perf_counter()
        vault.put(envelope)
        taken = time.perf_counter()
        rows.append(
            {f"look: {stage}": spent for stage, spent in photo.milliseconds.items()}
            | {
                "look": (looked - start) * 1000,
                "encode": (encoded - looked) * 1000,
                "seal": (sealed - encoded) * 1000,
                "vault": (taken - sealed) * 1000,
                "total": (taken - start) * 1000,
            }
        )
    totals = [row["total"] for row in rows]
    return {
        "stills": count,
        "still_megapixels": STILL_SIZE[0] * STILL_SIZE[1] / 1e6,
        "still_ms": {stage: statistics.median(row[stage] for row in rows) for stage in rows[0]},
        "still_total_ms": {f"p{q}": percentile(totals, q) for q in (50, 95)},
    }


def measure_sealing(context: SealingContext, count: int) -> dict[str, Any]:
    """Sealing 5 MB (HPKE, AEAD, signature), and what SHA-256 alone does here."""
    body = Body(b"{}", os.urandom(SEALED_MEGABYTES * MEGABYTE))
    seals = [_timed(partial(seal, body, _numbered(context, index))) for index in range(count)]
    hashes = [_timed(partial(hashlib.sha256, body.jpeg)) for _ in range(count)]
    return {
        "seal_ms": statistics.median(seals),
        "seal_megabytes_per_second": SEALED_MEGABYTES * 1000 / statistics.median(seals),
        "hash_megabytes_per_second": SEALED_MEGABYTES * 1000 / statistics.median(hashes),
    }


def percentile(values: Sequence[float], q: int) -> float:
    """The `q`-th percentile of `values`."""
    return float(np.percentile(values, q))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _context(recipient: SealingKey) -> SealingContext:
    signer = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    return SealingContext(
        CaptureId("0" * 32), DeviceId("bench"), SiteId("bench"), 1, (recipient,), signer, (b"certificate",)
    )


def _numbered(context: SealingContext, index: int) -> SealingContext:
    return replace(context, capture=CaptureId(f"{index:032x}"), counter=index + 1)
