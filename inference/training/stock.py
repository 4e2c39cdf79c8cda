"""What a training picture is made from: drawings for ink and print, bodies, photographs of skin if there are any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inference.training import surfaces
from inference.training.drawings import SIDE as DRAWING
from inference.training.drawings import Book, Drawing
from inference.training.people import HEAD, People
from inference.training.photographs import Photographs
from inference.training.surfaces import Body

_PEOPLE: Final = 0.45
_CLOSE: Final = 0.25
"""Shares of pictures that show one of MakeHuman's bodies, and a photograph as it is; the rest are drawn limbs."""
_WEATHERED: Final = {"people": 0.3, "drawn": 0.55}
_PHOTOGRAPHED: Final = 0.6
"""Of drawn limbs, those in photographed skin."""


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """Everything that pictures are drawn with."""

    book: Book
    people: People
    photographs: Photographs | None

    def __str__(self) -> str:
        if self.photographs is None:
            return "no photographs of skin"
        return f"{len(self.photographs.paths)} photographs of skin, SHA-256 {self.photographs.digest}"

    @classmethod
    def load(cls, sources: Path, photographs: Path | None) -> Stock:
        """The stock out of the folder of sources, and a folder of photographs of skin."""
        kept = Photographs.of(photographs) if photographs is not None else None
        return cls(Book.load(sources), People.load(sources), kept)

    def body(self, rng: np.random.Generator, side: int) -> Body:
        """A body or a part of one in a square of `side` pixels."""
        way = rng.random()
        if way < _PEOPLE:
            return self._weathered(rng, self.people.body(rng, side), "people")
        if self.photographs is not None and way < _PEOPLE + _CLOSE:
            return self.photographs.close(rng, side)
        if self.photographs is not None and rng.random() < _PHOTOGRAPHED:
            return self.photographs.limb(rng, side)
        return self._weathered(rng, surfaces.body(rng, side), "drawn")

    def portrait(self, rng: np.random.Generator) -> Drawing:
        """A head as tattooists shade them, in greys or colours of its own."""
        one = self.people.body(rng, DRAWING, HEAD)
        light = surfaces.lit(rng, one.albedo, one.height)
        shown = np.clip(light / max(1e-3, float(np.quantile(light[one.outline > 0.5], 0.9))), 0, 1) ** (1 / 2.2)
        fade = 1 - cv2.GaussianBlur(1 - one.outline, (0, 0), DRAWING * float(rng.uniform(0.01, 0.08)))
        return Drawing(np.asarray(one.outline * fade * 255, np.uint8), np.asarray(shown * 255, np.uint8))

    def _weathered(self, rng: np.random.Generator, body: Body, way: str) -> Body:
        if rng.random() < _WEATHERED[way]:
            surfaces.weathered(rng, body)
        return body
