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


def keep(samples: list[Sample], at: Path) -> None:
    """The samples as the shard `at`; whole, or not there."""
    aside = at.with_name(f".{at.name}-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    np.save(aside / _PIXELS, np.stack([one.pixels for one in samples]))
    np.save(aside / _TRUTHS, np.stack([one.truth for one in samples]))
    aside.rename(at)
