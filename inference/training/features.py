"""What the face model's backbone sees in the drawn pictures, kept on disk: learning then needs no backbone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import Canvas
from inference.models import open_session
from inference.onnx_graph import tapped
from inference.training.network import TAPS

Features = NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """N pictures as the backbone sees them: the four taps (N×C×h×w float16) and the truths (N×4×H/4×W/4 uint8)."""

    taps: tuple[Features, ...]
    truths: NDArray[np.uint8]

    @classmethod
    def load(cls, at: Path) -> Shard:
        """What `keep_features` wrote."""
        return cls(
            tuple(np.load(at / f"{name}.npy") for name, _ in TAPS),
            np.load(at / "truths.npy"),
        )


def keep_features(backbone: bytes, pictures: NDArray[np.uint8], truths: NDArray[np.uint8], to: Path, seed: int) -> None:
    """Writes into the folder `to` what the backbone sees in N×side×side×3 pictures, turned and mirrored by chance."""
    rng = np.random.default_rng(seed)
    side = pictures.shape[1]
    names = [name for name, _ in TAPS]
    session = open_session(tapped(backbone, names), Canvas(side, side), "the backbone")
    asked = session.get_inputs()[0].name
    seen: list[list[Features]] = [[] for _ in names]
    turned: list[NDArray[np.uint8]] = []
    for picture, truth in zip(pictures, truths, strict=True):
        turns, mirrored = int(rng.integers(4)), 1 - 2 * int(rng.integers(2))
        view = np.ascontiguousarray(np.rot90(picture, turns)[:, ::mirrored])
        turned.append(np.rot90(truth, turns, (1, 2))[:, :, ::mirrored])
        values = session.run(names, {asked: np.asarray(cv2.dnn.blobFromImage(view), dtype=np.float32)})
        for row, value in zip(seen, values, strict=True):
            row.append(value[0].astype(np.float16))
    to.mkdir(parents=True, exist_ok=True)
    for name, row in zip(names, seen, strict=True):
        np.save(to / f"{name}.npy", np.stack(row))
    np.save(to / "truths.npy", np.stack(turned))
