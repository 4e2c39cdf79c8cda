"""How long a still takes from the shutter to sealed and durable, by stage and as the picture grows."""

from __future__ import annotations

import time
from typing import Any, Final

import cv2
import numpy as np

from capture.encoding import encode_jpeg
from capture.envelope import Body, Envelope, SealingContext, seal
from capture.vault import Vault
from firmware.measuring.figures import by_stage, percentile, percentiles
from firmware.measuring.memory import forget_peak, peak_mib
from firmware.measuring.sealing import next_capture
from firmware.memory import give_back_free_memory
from inference import Deidentifier, Frame
from inference.scenes import draw_scene

Size = tuple[int, int]
"""Pixels across and down."""

STILL_SIZE: Final[Size] = (4032, 3024)
GROWING: Final[tuple[Size, ...]] = ((1632, 1224), (3264, 2448), STILL_SIZE, (8000, 6000))
"""2, 8, 12 and 48 megapixels, as sensors have them."""
_SEED: Final = 11


def drawn_still(size: Size) -> Frame:
    """The same scene at any size; beyond 12 megapixels that one, enlarged. What drawing it took is given back."""
    drawn = size if size[0] * size[1] <= STILL_SIZE[0] * STILL_SIZE[1] else STILL_SIZE
    pixels = draw_scene(_SEED, drawn).pixels
    if drawn != size:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    frame = Frame(pixels, 0)
    give_back_free_memory()
    return frame


def take(
    deidentifier: Deidentifier, frame: Frame, context: SealingContext, vault: Vault
) -> tuple[Envelope, dict[str, float]]:
    """The frame de-identified, encoded, sealed and in the vault; and what each stage took, milliseconds."""
    start = time.perf_counter()
    photo = deidentifier.still(frame)
    looked = time.perf_counter()
    jpeg = encode_jpeg(photo)
    encoded = time.perf_counter()
    envelope = seal(Body(b"{}", jpeg.data), next_capture(context))
    sealed = time.perf_counter()
    vault.put(envelope)
    taken = time.perf_counter()
    return envelope, {f"look: {stage}": spent for stage, spent in photo.milliseconds.items()} | {
        "look": (looked - start) * 1000,
        "encode": (encoded - looked) * 1000,
        "seal": (sealed - encoded) * 1000,
        "vault": (taken - sealed) * 1000,
        "total": (taken - start) * 1000,
    }


def measure_stills(
    deidentifier: Deidentifier, frame: Frame, context: SealingContext, vault: Vault, count: int
) -> dict[str, Any]:
    """The same still `count` times: each stage's p50 and p95."""
    rows = [take(deidentifier, frame, context, vault)[1] for _ in range(count)]
    return {
        "stills": count,
        "still_megapixels": _megapixels(frame),
        "still_ms": by_stage(rows, 50),
        "still_p95_ms": by_stage(rows, 95),
        "still_total_ms": percentiles([row["total"] for row in rows], (50, 95)),
    }


def measure_growth(
    deidentifier: Deidentifier, context: SealingContext, vault: Vault, count: int, sizes: tuple[Size, ...] = GROWING
) -> dict[str, Any]:
    """Each size in turn, smallest first: p50 from shutter to sealed, and the most memory the process held meanwhile."""
    grown: dict[str, dict[str, float]] = {}
    for size in sorted(sizes):
        frame = drawn_still(size)
        forget_peak()
        totals = [take(deidentifier, frame, context, vault)[1]["total"] for _ in range(count)]
        megapixels = _megapixels(frame)
        grown[f"{megapixels:.0f}"] = {
            "megapixels": megapixels,
            "total_ms": percentile(totals, 50),
            "peak_mib": peak_mib(),
        }
    return {"still_by_megapixels": grown}


def _megapixels(frame: Frame) -> float:
    return frame.width * frame.height / 1e6
