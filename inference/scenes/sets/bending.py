"""How a sheet lies in a picture: flat and seen at an angle, or around a limb or a bottle; creased either way.

A bend answers the question that drawing asks: which point of the sheet is seen at this pixel, and how does the surface
lean there. What is drawn and what is true about it come from the same answer, so that masks are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.body import Limb
from inference.scenes.printing import Sheet
from inference.scenes.texture import Field, bell


class Seen(NamedTuple):
    """What every pixel of a window sees: the sheet's point in its units, the surface's slopes, and whether at all."""

    u: Field
    v: Field
    across: Field
    down: Field
    there: Field

    def dots(self, sheet: Sheet) -> tuple[Field, Field]:
        """The same points in dots of the sheet, as `cv2.remap` counts them: from the middle of the first."""
        u, v = (np.asarray(units * np.float32(sheet.scale) - 0.5, np.float32) for units in (self.u, self.v))
        return u, v


@dataclass(frozen=True, slots=True)
class Crease:
    """A fold that a sheet has kept: where in the sheet (a share of its size), its turn, and how high and wide it is."""

    x: float
    y: float
    turn: float
    height: float
    width: float

    @classmethod
    def some(cls, rng: np.random.Generator, count: int, *, strength: float = 1.0) -> tuple[Crease, ...]:
        """`count` folds left to chance."""
        return tuple(
            cls(
                float(rng.uniform(0.05, 0.95)),
                float(rng.uniform(0.05, 0.95)),
                float(rng.uniform(0, np.pi)),
                float(rng.choice([-1, 1]) * rng.uniform(0.2, 0.6) * strength),
                float(rng.uniform(0.5, 1.6)),
            )
            for _ in range(count)
        )


def _fold(sheet: Sheet, creases: tuple[Crease, ...], u: Field, v: Field) -> tuple[Field, Field, Field, Field]:
    """(u, v, slope along u, slope along v) with the folds in: the paper runs faster where it climbs."""
    along_u, along_v = np.zeros_like(u), np.zeros_like(v)
    for crease in creases:
        cosine, sine = np.float32(np.cos(crease.turn)), np.float32(np.sin(crease.turn))
        way = (u - np.float32(crease.x * sheet.width)) * cosine + (v - np.float32(crease.y * sheet.height)) * sine
        share = np.asarray(way / np.float32(crease.width), np.float32)
        slope = -2 * share * bell(share) * np.float32(crease.height / crease.width)
        longer = np.float32(0.35 * abs(crease.height)) * np.tanh(share)
        u, v = np.asarray(u + longer * cosine, np.float32), np.asarray(v + longer * sine, np.float32)
        along_u, along_v = along_u + slope * cosine, along_v + slope * sine
    return u, v, along_u, along_v


@dataclass(frozen=True, slots=True)
class Flat:
    """A sheet on a plane that leans away from the camera.

    Attributes:
        x, y: where its middle lies, pixels.
        turn: radians, clockwise as seen.
        lean, towards: by how much and along which of its own directions the plane leans back, radians.
        size: pixels to a unit.
        bow: how much it arches, 0 for a board; it moves the highlights only.
    """

    x: float
    y: float
    turn: float
    size: float
    lean: float = 0.0
    towards: float = 0.0
    bow: float = 0.0
    creases: tuple[Crease, ...] = ()

    def _projection(self, sheet: Sheet) -> NDArray[np.float64]:
        half = np.array([sheet.width, sheet.height]) / 2
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        axis = np.array([np.cos(self.towards), np.sin(self.towards)])
        deep = corners @ axis
        flat = corners - np.outer(deep, axis) * (1 - np.cos(self.lean))
        # A phone is held about two and a half widths of the larger side away.
        away = 2.5 * max(sheet.width, sheet.height)
        seen = flat / (1 + deep * np.sin(self.lean) / away)[:, None]
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        target = seen @ np.array([[cosine, sine], [-sine, cosine]]) * self.size + [self.x, self.y]
        source = np.array([[0, 0], [sheet.width, 0], [sheet.width, sheet.height], [0, sheet.height]])
        return np.asarray(cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32)), np.float64)

    def corners(self, sheet: Sheet) -> NDArray[np.float64]:
        """The four corners."""
        w, h = sheet.width, sheet.height
        ring = np.array([[[0, 0], [w, 0], [w, h], [0, h]]], np.float64)
        return np.asarray(cv2.perspectiveTransform(ring, self._projection(sheet))[0], np.float64)

    def seen(self, x: Field, y: Field, sheet: Sheet) -> Seen:
        """Everything, but what lies beyond the sheet's own edges."""
        back = np.linalg.inv(self._projection(sheet)).astype(np.float32)
        deep = back[2, 0] * x + back[2, 1] * y + back[2, 2]
        u = (back[0, 0] * x + back[0, 1] * y + back[0, 2]) / deep
        v = (back[1, 0] * x + back[1, 1] * y + back[1, 2]) / deep
        u, v, along_u, along_v = _fold(sheet, self.creases, u, v)
        along_u = along_u - np.float32(self.bow) * (u / np.float32(sheet.width) - 0.5)
        along_v = along_v - np.float32(self.bow * 0.6) * (v / np.float32(sheet.height) - 0.5)
        return Seen(u, v, *_turned(along_u, along_v, self.turn), np.ones_like(u))


@dataclass(frozen=True, slots=True)
class Around:
    """A sheet around a tube: a band around a wrist, a label around a bottle, ink on a limb.

    Attributes:
        tube: the tube, pixels.
        at: way along the tube's axis of the sheet's middle, pixels.
        size: pixels to a unit.
        turn: of the sheet on the tube, radians; 0 has its text run around.
        past: how far the sheet's middle is turned out of sight, pixels around.
        bow: how much a level line seems to bend, because the tube leans away from the camera.
    """

    tube: Limb
    at: float
    size: float
    turn: float = 0.0
    past: float = 0.0
    bow: float = 0.10
    creases: tuple[Crease, ...] = ()

    @property
    def radius(self) -> float:
        """Of the tube where the sheet is, pixels."""
        return float(self.tube.width(np.array([self.at], np.float32))[0]) * 1.01

    def corners(self, sheet: Sheet) -> NDArray[np.float64]:
        """Points around the side that can be seen."""
        reach = (abs(np.cos(self.turn)) * sheet.height + abs(np.sin(self.turn)) * sheet.width) / 2 * self.size
        radius = self.radius
        along = self.at + np.array([-reach - abs(self.bow) * radius, reach + abs(self.bow) * radius])
        way, side = np.meshgrid(along, np.array([-radius, radius]))
        x, y = self.tube.point(way.ravel().astype(np.float32), side.ravel().astype(np.float32))
        return np.stack([x, y], axis=1).astype(np.float64)

    def seen(self, x: Field, y: Field, sheet: Sheet) -> Seen:
        """The half of the tube that faces the camera."""
        radius = np.float32(self.radius)
        along, across = self.tube.along(x, y)
        share = np.clip(across / radius, -1, 1)
        rise = np.sqrt(np.maximum(1 - share * share, 0))
        around = (np.arcsin(share) * radius - np.float32(self.past)) / np.float32(self.size)
        level = (along - np.float32(self.at) + np.float32(self.bow) * radius * (1 - rise)) / np.float32(self.size)
        cosine, sine = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        u = around * cosine + level * sine + np.float32(sheet.width / 2)
        v = level * cosine - around * sine + np.float32(sheet.height / 2)
        u, v, along_u, along_v = _fold(sheet, self.creases, u, v)
        slope = -share / np.maximum(rise, 0.12)
        folded, level_slope = _turned(along_u, along_v, self.turn)
        # The tube's own directions in the picture: across it, and along it.
        lean_sine, lean_cosine = np.float32(np.sin(self.tube.lean)), np.float32(np.cos(self.tube.lean))
        sideways = slope + folded
        return Seen(
            u,
            v,
            sideways * lean_cosine + level_slope * lean_sine,
            level_slope * lean_cosine - sideways * lean_sine,
            np.clip(radius - np.abs(across) + 0.5, 0, 1),
        )


Bend = Flat | Around
"""A way for a sheet to lie: `size`, `seen(x, y, sheet)` and `corners(sheet)`."""


def _turned(across: Field, down: Field, turn: float) -> tuple[Field, Field]:
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return across * cosine - down * sine, across * sine + down * cosine
