"""Every figure of this machine, for `wardlens bench`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capture.envelope import SealingKey
from capture.vault import Vault
from firmware.measuring.live import measure_faces_only, measure_live
from firmware.measuring.machine import machine_facts
from firmware.measuring.sealing import bench_context, measure_sealing
from firmware.measuring.soak import FRAMES_PER_STILL, measure_memory
from firmware.measuring.stills import GROWING, STILL_SIZE, Size, drawn_still, measure_growth, measure_stills
from firmware.terminal import Advance
from inference import Deidentifier

STEPS = 6


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """How much is measured.

    Attributes:
        live_frames: frames of the live view, with all kinds and again for faces only.
        stills: stills whose stages are timed.
        growing: stills of each size from 2 megapixels on.
        sizes: those sizes.
        still_size: of the stills whose stages are timed, and of those in the memory run.
        soak: frames of the memory run, with a still after each ten.
        seals: envelopes of 5 MB.
        video: a video for the live view in place of a drawn scene.
    """

    live_frames: int = 300
    stills: int = 12
    growing: int = 3
    sizes: tuple[Size, ...] = GROWING
    still_size: Size = STILL_SIZE
    soak: int = 200
    seals: int = 20
    video: Path | None = None

    def __post_init__(self) -> None:
        if min(self.live_frames, self.stills, self.growing, self.seals) < 1 or not self.sizes:
            raise ValueError("each thing is measured once at least")
        if self.soak < 2 * FRAMES_PER_STILL:
            raise ValueError(f"growth of memory shows after {2 * FRAMES_PER_STILL} frames at the earliest")


def measure(deidentifier: Deidentifier, recipient: SealingKey, plan: BenchPlan, advance: Advance) -> dict[str, Any]:
    """Every figure, in milliseconds, frames a second, MiB (2²⁰ bytes), or megabytes (10⁶ bytes) a second.

    The keys, each where it is not plain with what it says:

    - `machine` (processor, cores, threads, load_average, system, python, onnxruntime, opencv)
    - `models`: name → SHA-256
    - `live_frames`, `live_fps`, `live_latency_ms` (p50, p95, p99): 640×480, all kinds, frame in to redacted frame out
    - `live_look_age_ms`: kind → p50, p99, most: how much older than the frame on show the look is that covers it
    - `faces_only_fps`, `faces_only_latency_ms` (p50, p95, p99): the same frames, looked at for faces alone
    - `still_by_megapixels`: "2", "8", "12", "48" → megapixels, total_ms (p50, shutter to sealed and durable), peak_mib
      (of the whole process, with the models and the frame)
    - `stills`, `still_megapixels`, `still_ms` and `still_p95_ms` (stage → p50, p95), `still_total_ms` (p50, p95)
    - `memory`: frames, stills, first_mib and last_mib after warm-up, most_mib, mib_per_1000_frames (least squares)
    - `seal_ms` (p50), `seal_range_ms` (p50, p95), `seal_megabytes_per_second`, `hash_megabytes_per_second`
    """
    context = bench_context(recipient)
    figures: dict[str, Any] = {"machine": machine_facts(deidentifier.threads), "models": dict(deidentifier.facts)}
    advance(0, "live view")
    figures |= measure_live(deidentifier, plan.video, plan.live_frames)
    advance(1, "live view, faces only")
    figures |= measure_faces_only(deidentifier, plan.video, plan.live_frames)
    with tempfile.TemporaryDirectory(prefix="wardlens-bench-") as folder, Vault(Path(folder) / "vault") as vault:
        advance(2, "stills that grow")
        figures |= measure_growth(deidentifier, context, vault, plan.growing, plan.sizes)
        advance(3, "stills")
        still = drawn_still(plan.still_size)
        figures |= measure_stills(deidentifier, still, context, vault, plan.stills)
        advance(4, "memory")
        figures |= measure_memory(deidentifier, still, context, vault, plan.soak)
    advance(5, "sealing")
    figures |= measure_sealing(context, plan.seals)
    advance(STEPS, "done")
    return figures
