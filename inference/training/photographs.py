"""Photographs of skin to draw on, out of a folder that whoever trains has fetched: PAD-UFES-20.

2,298 pictures of patients' skin from phones, with moles, crusts, ulcers, hair and a surgeon's marker (Pacheco et al.,
2020, doi:10.17632/zr7vgbcyr2.1, CC BY 4.0). No package carries them. Any folder of pictures that show skin from edge to
edge will do; which ones taught a model is told by the digest of the folder.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inference.training.surfaces import Body, Picture, body, tone_colour

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg"})


@dataclass(frozen=True, slots=True)
class Photographs:
    """The pictures of a folder, by name."""

    paths: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path) -> Photographs:
        """Every picture in `folder`.

        Raises:
            ValueError: there is none.
        """
        paths = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES))
        if not paths:
            raise ValueError(f"{folder} holds no pictures: give the folder of photographs of skin, or leave it out")
        return cls(paths)

    @property
    def digest(self) -> str:
        """SHA-256 over the pictures' names and contents, in hex."""
        whole = hashlib.sha256()
        for path in self.paths:
            whole.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return whole.hexdigest()

    def skin(self, rng: np.random.Generator, side: int, tone: float | None) -> Picture:
        """A piece of one of them, side×side, linear light; of that tone where one is asked for."""
        path = self.paths[int(rng.integers(len(self.paths)))]
        stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if stored is None:
            raise ValueError(f"{path} is no picture that can be read")
        most = min(stored.shape[:2])
        piece = int(most * rng.uniform(0.45, 1.0))
        top, left = (int(rng.integers(whole - piece + 1)) for whole in stored.shape[:2])
        shown = stored[top : top + piece, left : left + piece, ::-1]
        way = cv2.INTER_AREA if piece > side else cv2.INTER_CUBIC
        linear = (cv2.resize(shown, (side, side), interpolation=way).astype(np.float32) / 255) ** np.float32(2.2)
        turned = np.rot90(linear, int(rng.integers(4)))[:, :: 1 - 2 * int(rng.integers(2))]
        if tone is not None:
            turned = turned * (tone_colour(rng, tone) / np.median(turned, axis=(0, 1)))
        return np.asarray(np.clip(turned, 0.002, 1), np.float32)

    def close(self, rng: np.random.Generator, side: int) -> Body:
        """One of them as it is, as a body that fills the picture and is lit already."""
        whole, flat = np.ones((side, side), np.float32), np.zeros((side, side), np.float32)
        return Body(whole, flat, self.skin(rng, side, None), float(rng.uniform(1, 10)), examined=False)

    def limb(self, rng: np.random.Generator, side: int) -> Body:
        """A drawn body in skin out of one of them, of any tone."""
        return replace(body(rng, side, self.skin), examined=False)
