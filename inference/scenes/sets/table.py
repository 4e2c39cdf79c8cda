"""Laying things into a picture so that they find room: what kind of ground is where, and what is taken already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from inference.scenes.printing import Sheet
from inference.scenes.sets.bending import Around, Crease, Flat
from inference.scenes.sets.board import Finish
from inference.scenes.sets.grounds import Bare, Place

CLOTH, SKIN, WALL, TAKEN = 0, 1, 2, 3
DOTS: Final = 1.7
"""Dots of the printer to a pixel of the picture."""

Maker = Callable[[float], Sheet]
"""Makes a sheet for a printer with that many dots to a unit."""


class Table:
    """A bare ground and the dice for what is laid onto it."""

    def __init__(self, rng: np.random.Generator, bare: Bare) -> None:
        self.rng, self.bare, self.board = rng, bare, bare.board
        self.unit = bare.board.unit
        rows, columns = (int(side / self.unit) for side in bare.board.skin.shape)
        self.cells = np.full((rows, columns), CLOTH, np.uint8)
        self.cells[: round(bare.wall * rows)] = WALL
        skin = cv2.resize(bare.board.skin.astype(np.uint8) * 255, (columns, rows), interpolation=cv2.INTER_AREA)
        self.cells[skin > 8] = TAKEN
        self.cells[skin > 250] = SKIN
        wound = cv2.resize(bare.board.wound.astype(np.uint8) * 255, (columns, rows), interpolation=cv2.INTER_AREA)
        self.cells[cv2.dilate(wound, np.ones((5, 5), np.uint8)) > 0] = TAKEN

    @property
    def roomy(self) -> bool:
        """Whether skin fills the frame, so that things must lie on it."""
        return self.bare.ground.place is Place.TRUNK

    def some_capital(self, low: float, high: float) -> float:
        """Pixels that letters are to be high; small ones are as likely as large ones."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def some_size(self, low: float = 9.0, high: float = 44.0) -> float:
        """Pixels to a unit of a printed sheet, so that its letters are `low` to `high` pixels high."""
        return self.some_capital(low, high) / 2.2

    def some_turn(self, *, upright: float = 0.5) -> float:
        """Radians: nearly level with the chance `upright`, else any angle."""
        return float(self.rng.normal(0, 0.12) if self.rng.random() < upright else self.rng.uniform(-np.pi, np.pi))

    def wrap(self, sheet: Sheet, bend: Around, *, whole: str) -> None:
        """Lays a band around the limb, all of which is to be covered, and keeps other things off it."""
        self.board.lay(sheet, bend, Finish.PLASTIC, whole=whole)
        size = (self.cells.shape[1], self.cells.shape[0])
        there = (self.board.wholes > 0).astype(np.uint8) * 255
        self.cells[cv2.resize(there, size, interpolation=cv2.INTER_AREA) > 0] = TAKEN

    def find(self, width: float, height: float, turn: float, on: int) -> tuple[float, float] | None:
        """The middle of a free place of that size in pixels, all of it on that ground; it is taken from now on."""
        rows, columns = self.cells.shape
        wide, high = width / self.unit + 1.2, height / self.unit + 1.2
        reach_x = (abs(np.cos(turn)) * wide + abs(np.sin(turn)) * high) / 2
        reach_y = (abs(np.sin(turn)) * wide + abs(np.cos(turn)) * high) / 2
        if 2 * reach_x >= columns or 2 * reach_y >= rows:
            return None
        for _ in range(70):
            x = float(self.rng.uniform(reach_x, columns - reach_x))
            y = float(self.rng.uniform(reach_y, rows - reach_y))
            cover = np.zeros_like(self.cells)
            box = cv2.boxPoints(((x, y), (wide, high), float(np.rad2deg(turn))))
            cv2.fillConvexPoly(cover, box.astype(np.int32), 1)
            if (self.cells[cover > 0] == on).all():
                self.cells[cover > 0] = TAKEN
                return x * self.unit, y * self.unit
        return None

    def put(
        self, make: Maker, size: float, finish: Finish, on: int, *, turn: float, creases: int = 0, lean: float = 0.5
    ) -> Flat | None:
        """Lays a flat thing where there is room, smaller where there is none; None where none is left at all."""
        sheet = make(max(4.0, size * DOTS))
        rng = self.rng
        for _ in range(5):
            place = self.find(sheet.width * size, sheet.height * size, turn, on)
            if place is not None:
                folds = Crease.some(rng, creases)
                bend = Flat(
                    *place,
                    turn,
                    size,
                    float(abs(rng.normal(0, lean * 0.5))),
                    float(rng.uniform(0, 2 * np.pi)),
                    bow=float(rng.uniform(0.1, 0.9)),
                    creases=folds,
                )
                self.board.lay(sheet, bend, finish)
                return bend
            size *= 0.8
        return None

    def on_skin(
        self, sheet: Sheet, size: float, finish: Finish, *, turn: float, creases: int = 0
    ) -> Flat | Around | None:
        """Lays a thing onto skin where there is room for it: around the limb, or flat on a trunk."""
        for _ in range(4):
            place = self.find(sheet.width * size, sheet.height * size, turn, SKIN)
            if place is not None:
                bend = self._bend_at(place, size, turn, creases)
                self.board.lay(sheet, bend, finish)
                return bend
            size *= 0.8
        return None

    def _bend_at(self, place: tuple[float, float], size: float, turn: float, creases: int) -> Flat | Around:
        folds = Crease.some(self.rng, creases, strength=0.6)
        if self.bare.ground.place not in {Place.LIMB, Place.BED}:
            return Flat(*place, turn, size, bow=0.3, creases=folds)
        limb = self.bare.limb
        along, across = limb.along(np.array([place[0]], np.float32), np.array([place[1]], np.float32))
        radius = float(limb.width(along)[0])
        past = float(np.arcsin(np.clip(across[0] / radius, -0.95, 0.95))) * radius
        return Around(limb, float(along[0]), size, turn + limb.lean, past, 0.0, folds)
