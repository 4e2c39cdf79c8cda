"""Drawn pictures with their truths, kept on disk: a run that was interrupted goes on where it was."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.training.pictures import Sample

_PIXELS, _TRUTHS = "pixels.npy", "truths.npy"


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """N pictures (N×side×side×3 uint8 RGB) and their truths (N×4×side/4×side/4 uint8), read as they are needed."""

    pixels: NDArray[np.uint8]
    truths: NDArray[np.uint8]

    @classmethod
    def open(cls, at: Path) -> Shard:
        """What `keep` wrote."""
        return cls(*(np.load(at / name, mmap_mode="r") for name in (_PIXELS, _TRUTHS)))

    def turned(self, place: int, quarters: int, *, mirrored: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One picture as 3×side×side, and its truth, turned by quarters and mirrored."""
        step = -1 if mirrored else 1
        picture = np.rot90(self.pixels[place], quarters)[:, ::step].transpose(2, 0, 1)
        return np.ascontiguousarray(picture), np.ascontiguousarray(
            np.rot90(self.truths[place], quarters, (1, 2))[:, :, ::step]
        )


def keep(samples: list[Sample], at: Path) -> None:
    """The samples as the shard `at`; whole, or not there."""
    aside = at.with_name(f".{at.name}-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    np.save(aside / _PIXELS, np.stack([one.pixels for one in samples]))
    np.save(aside / _TRUTHS, np.stack([one.truth for one in samples]))
    aside.rename(at)
