"""What the things of a set lie on: a limb, a trunk, a hand, a sheet seen from close by, a bed before a wall."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from inference.picture import Pixels
from inference.scenes import body
from inference.scenes.body import Limb, Surface
from inference.scenes.drawing import WORKING_AREA
from inference.scenes.grain import detailed
from inference.scenes.light import Linear, linear
from inference.scenes.sets.bending import Around, Bend, Flat
from inference.scenes.sets.board import Board
from inference.scenes.sets.hand import hand_surface
from inference.scenes.sets.motifs import UNITS, engrave, motif
from inference.scenes.sets.patterns import printed
from inference.scenes.stage import Stage
from inference.scenes.texture import Field, bell, fractal, smoothstep
from inference.scenes.values import SceneSpec, View, Wound

WALLS: Final = ((222, 224, 216), (206, 216, 218), (226, 216, 198), (200, 212, 202), (214, 208, 214))
MIDDLE_GREY: Final = 0.18
"""Of linear light: what a camera's meter takes for the mean of a picture."""
GLOVES: Final = ((92, 128, 190), (120, 96, 176), (226, 226, 222), (60, 62, 66))


class Place(StrEnum):
    """What fills the frame."""

    LIMB = "limb"
    TRUNK = "trunk"
    HAND = "hand"
    SHEET = "sheet"
    BED = "bed"


@dataclass(frozen=True, slots=True)
class Ground:
    """What to draw before anything is laid.

    Attributes:
        pattern: the print of the cloth (:data:`patterns.PATTERNS`), or "" for a plain one.
        bruised: whether there is a bruise.
        gloved: whether the hand wears a glove.
        motif: the tattoo in the skin (:data:`motifs.MOTIFS`), or "".
        metered: whether the camera sets its exposure by what it sees, as a phone does.
    """

    place: Place
    seed: int
    tone: int
    wound: Wound | None = None
    tattoo: bool = False
    pattern: str = ""
    bruised: bool = False
    gloved: bool = False
    motif: str = ""
    metered: bool = False


@dataclass(frozen=True, slots=True)
class Bare:
    """A board with nothing on it yet.

    Attributes:
        limb: in pixels; a trunk and a sheet have none to wrap anything around.
        wall: the part of the height that is wall.
        middle: of the wound, pixels; where there is none, of the skin.
    """

    ground: Ground
    board: Board
    limb: Limb
    wall: float
    middle: tuple[float, float]


class _Staged(Stage):
    """A stage with this package's additions."""

    wall = 0.0
    plaster: Field | None = None

    def __init__(self, ground: Ground, shape: tuple[int, int]) -> None:
        view = View.TRUNK if ground.place is Place.TRUNK else View.LIMB
        inked = ground.tattoo and ground.place in {Place.LIMB, Place.TRUNK}
        spec = SceneSpec(ground.seed, ground.tone, view, (), wound=ground.wound, tattoo=inked)
        super().__init__(spec, shape)
        self.asked = ground
        self.apart = np.random.default_rng((ground.seed, 21))

    def complexion(self) -> Linear:
        colour = super().complexion()
        if self.asked.gloved:
            tint = linear(GLOVES[int(self.apart.integers(len(GLOVES)))])
            sheen = 1 + 0.05 * fractal(self.apart, self.shape, 5 * self.unit, octaves=3)
            return np.asarray(sheen * tint[:, None, None], np.float32)
        return _bruise(self.apart, colour, self.unit, self.middle) if self.asked.bruised else colour

    def tattooed(self, surface: Surface) -> Field | None:
        if not self.asked.motif:
            return super().tattooed(surface)
        rng = np.random.default_rng((self.asked.seed, 23))
        sheet = motif(rng, self.asked.motif)
        return engrave(rng, surface, sheet, self.bend(rng), self.unit)

    def bend(self, rng: np.random.Generator) -> Bend:
        """How a motif lies in the skin: beside the wound if there is one, else anywhere, small or large."""
        unit, beside = self.unit, self.asked.wound is not None
        size = float(np.exp(rng.uniform(np.log(14), np.log(24 if beside else 60)))) * unit
        turn = float(rng.uniform(-np.pi, np.pi) if rng.random() < 0.4 else rng.normal(0, 0.15))
        if self.asked.place is Place.TRUNK:
            x, y = (middle + float(away) * unit for middle, away in zip(self.middle, rng.normal(0, 4, 2), strict=True))
            if beside:
                x += (32 if x < self.shape[1] / 2 else -32) * unit
            return Flat(x, y, turn, size / UNITS)
        along, _ = self.limb.along(*(np.array([v], np.float32) for v in (self.inked if beside else self.middle)))
        at = float(along[0] + rng.normal(0, 2 if beside else 12) * unit)
        return Around(self.limb, at, size / UNITS, turn, float(rng.uniform(-0.35, 0.35)) * self.limb.radius)

    def exposure(self, light: Linear) -> float:
        hand = super().exposure(light)
        if not self.asked.metered:
            return hand
        # A phone goes most of the way to a middle grey, and neither to the end of the night nor of the snow.
        return hand * float(np.clip((MIDDLE_GREY / light.mean()) ** 0.7, 0.7, 2.5))

    def bedding(self) -> tuple[Field, Linear]:
        folds, colour = super().bedding()
        if self.asked.pattern:
            colour = colour * printed(self.apart, self.asked.pattern, self.shape, self.unit, folds)
        return folds, colour


class _Hand(_Staged):
    def __init__(self, ground: Ground, shape: tuple[int, int]) -> None:
        super().__init__(ground, shape)
        rng, unit = self.apart, self.unit
        lean = float(rng.uniform(-0.5, 0.5) + (np.pi / 2 if shape[1] > shape[0] and rng.random() < 0.6 else 0.0))
        radius = float(rng.uniform(10, 13)) * unit
        self.limb = Limb(
            shape[1] * float(rng.uniform(0.44, 0.56)), shape[0] * float(rng.uniform(0.44, 0.56)), lean, radius, 0.12
        )
        knuckles = self.limb.point(np.array([1.75 * radius], np.float32), np.array([0.0], np.float32))
        self.middle = (float(knuckles[0][0]), float(knuckles[1][0]))

    def form(self) -> tuple[Field, Field]:
        return hand_surface(self.apart, self.shape, self.unit, self.limb)

    def bend(self, rng: np.random.Generator) -> Bend:
        """On the back of the hand or above the wrist."""
        radius = self.limb.radius
        turn, size = float(rng.uniform(-np.pi, np.pi)), float(rng.uniform(1.0, 1.6)) * radius
        at = float(rng.uniform(-1.4, -0.9) if self.asked.wound is not None or rng.random() < 0.5 else 0.9) * radius
        x, y = self.limb.point(np.array([at], np.float32), np.array([0.0], np.float32))
        return Flat(float(x[0]), float(y[0]), turn, size / UNITS)


class _Sheet(_Staged):
    def form(self) -> tuple[Field, Field]:
        return np.zeros(self.shape, np.float32), np.zeros(self.shape, np.float32)


class _Bed(_Staged):
    """A wall above, a bed below, and an arm that lies across it."""

    def __init__(self, ground: Ground, shape: tuple[int, int]) -> None:
        super().__init__(ground, shape)
        rng = self.apart
        self.wall = float(rng.uniform(0.42, 0.55))
        lean = np.pi / 2 + rng.uniform(-0.14, 0.14)
        down = self.wall + (1 - self.wall) * rng.uniform(0.5, 0.62)
        self.limb = Limb(shape[1] * 0.5, shape[0] * float(down), float(lean), 7.5 * self.unit, 0.1)
        self.middle = (shape[1] * float(rng.uniform(0.3, 0.7)), shape[0] * float(down))

    def form(self) -> tuple[Field, Field]:
        return body.limb_surface(self.rng, self.shape, self.unit, self.limb)

    def bedding(self) -> tuple[Field, Linear]:
        folds, colour = super().bedding()
        rng, unit, (rows, columns) = self.apart, self.unit, self.shape
        _, y = body.grid(self.shape)
        edge = np.float32(self.wall * rows) + 2.0 * unit * fractal(rng, (1, columns), 30 * unit, octaves=2)
        cloth = smoothstep(-0.5, 0.5, np.asarray(y - edge, np.float32))
        self.plaster = 1 - np.maximum(cloth, self.skin)
        paint = linear(WALLS[int(rng.integers(len(WALLS)))])
        wall = (1 + 0.012 * fractal(rng, self.shape, 9 * unit, octaves=3)) * paint[:, None, None]
        # The rail that beds bump against, and the shadow gap above the mattress.
        rail = np.float32(self.wall * rows - rng.uniform(9, 14) * unit)
        board = smoothstep(-1.0, 1.0, np.asarray((2.2 * unit - np.abs(y - rail)), np.float32))
        wood = linear((150, 116, 84) if rng.random() < 0.5 else (120, 130, 140))
        wall += (
            wood[:, None, None] * (1 + 0.03 * fractal(rng, self.shape, 6 * unit, stretch=(4.0, 0.4))) - wall
        ) * board
        wall *= 1 - 0.35 * bell(np.asarray((y - edge) / (3.5 * unit), np.float32))
        wall *= 1 - 0.4 * bell(np.asarray((y - rail - 2.6 * unit) / (0.7 * unit), np.float32))
        swell = bell(np.asarray((y - edge - 5 * unit) / (5 * unit), np.float32)) * np.float32(2.5 * unit)
        folds = np.asarray(folds * cloth - swell * cloth + board * 0.8 * unit, np.float32)
        return folds, np.asarray(wall + (colour - wall) * cloth, np.float32)


_STAGES: Final = {Place.HAND: _Hand, Place.SHEET: _Sheet, Place.BED: _Bed}


def bare(ground: Ground, size: tuple[int, int]) -> Bare:
    """The ground, `size` (width, height) pixels large."""
    width, height = size
    factor = max(1.0, (width * height / WORKING_AREA) ** 0.5)
    shape = (round(height / factor), round(width / factor))
    if ground.place is Place.SHEET:
        ground = replace(ground, wound=None, tattoo=False, motif="")
    stage = _STAGES.get(ground.place, _Staged)(ground, shape)
    small = stage.ground()
    pixels: Pixels = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    skin = cv2.resize(stage.skin, size, interpolation=cv2.INTER_LINEAR) > 0.5
    wound = np.zeros((height, width), np.bool_)
    if stage.field is not None:
        wound = (cv2.resize(stage.field, size, interpolation=cv2.INTER_LINEAR) > 0) & skin
    unit = min(size) / 100
    woven = detailed(np.random.default_rng((ground.seed, 7)), pixels, skin, wound, unit)
    if stage.plaster is None:
        pixels = woven
    else:
        np.copyto(pixels, woven, where=(cv2.resize(stage.plaster, size) < 0.5)[..., None])
    scale = width / shape[1]
    board = Board(pixels, skin, wound, stage.lamp, unit)
    if stage.ink is not None:
        board.ink((cv2.resize(stage.ink, size, interpolation=cv2.INTER_LINEAR) > 0.25) & ~wound)
    middle = (stage.middle[0] * scale, stage.middle[1] * scale)
    return Bare(ground, board, stage.limb.scaled(scale), stage.wall, middle)


def _bruise(rng: np.random.Generator, colour: Linear, unit: float, middle: tuple[float, float]) -> Linear:
    """Blood under the skin: a dark purple middle and a green-yellow edge, both blotched."""
    shape = (colour.shape[1], colour.shape[2])
    x, y = body.grid(shape)
    at_x, at_y = middle[0] + rng.normal(0, 14) * unit, middle[1] + rng.normal(0, 14) * unit
    away = np.sqrt((x - np.float32(at_x)) ** 2 + 1.4 * (y - np.float32(at_y)) ** 2) / np.float32(
        rng.uniform(7, 14) * unit
    )
    away += 0.22 * fractal(rng, shape, 7 * unit, octaves=3)
    deep, rim = bell(np.asarray(away / 0.8, np.float32)), bell(np.asarray((away - 1.1) / 0.5, np.float32))
    for channel, (purple, yellow) in enumerate(((0.45, 0.12), (0.66, 0.10), (0.34, 0.42))):
        colour[channel] *= (1 - purple * deep) * (1 - yellow * rim * (1 - deep))
    return colour
