"""A scene, drawn: surfaces under one lamp at a working size, then grain, hair and print at the picture's own size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Kind, Pixels, Region
from inference.scenes import body, wounds
from inference.scenes.body import Limb, Surface
from inference.scenes.grain import detailed, grained
from inference.scenes.light import Lamp, cast, developed, vignette
from inference.scenes.placing import Mapping2, Room, flat_mapping, lay, lie_flat, outline, wrap
from inference.scenes.printing import Sheet
from inference.scenes.props import SHEETS
from inference.scenes.texture import Field, relief, smoothstep
from inference.scenes.values import (
    DRAWN,
    LARGEST_AREA,
    SMALLEST_SIDE,
    Code,
    Prop,
    Scene,
    SceneSpec,
    View,
    Word,
)  # fmt: skip

WORKING_AREA = 1_200_000
"""Pixels of the working size: soft things need no more."""


def draw_scene(spec: SceneSpec, size: tuple[int, int] = (1600, 1200)) -> Scene:
    """The scene that `spec` describes, `size` (width, height) pixels large; the same values give the same pixels.

    Raises:
        ValueError: a side under 320 pixels, or more than 16.5 megapixels.
    """
    width, height = size
    if min(size) < SMALLEST_SIDE or width * height > LARGEST_AREA:
        raise ValueError(f"a scene has sides of at least {SMALLEST_SIDE} pixels and at most 16.5 megapixels")
    factor = max(1.0, (width * height / WORKING_AREA) ** 0.5)
    shape = (round(height / factor), round(width / factor))
    stage = _Stage(spec, shape)
    ground = stage.ground()
    unit = min(size) / 100
    scale = width / shape[1]
    pixels: Pixels = np.asarray(cv2.resize(ground, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    skin = _enlarged(stage.skin, size) > 0.5
    wound = _enlarged(stage.field, size) > 0 if stage.field is not None else np.zeros((height, width), np.bool_)
    wound &= skin
    texture_rng = np.random.default_rng((spec.seed, 7))
    pixels = detailed(texture_rng, pixels, skin, wound, unit)
    words: list[Word] = []
    codes: list[Code] = []
    truth: list[Region] = []
    placed: list[Prop] = []
    for prop in spec.props:
        laid = _laid(stage, pixels, prop, unit, scale)
        if laid is None:
            continue
        sheet, mapping, hidden, steps = laid
        placed.append(prop)
        wound &= hidden < 128
        skin &= hidden < 128
        found_words, found_codes, found_truth = _readable(sheet, mapping, prop, steps)
        words += found_words
        codes += found_codes
        truth += found_truth
    pixels = grained(texture_rng, pixels, unit)
    return Scene(pixels, tuple(truth), wound, skin, tuple(words), tuple(codes), tuple(placed))


class _Stage:
    """The soft part of a scene at its working size, and the dice for everything laid into it."""

    def __init__(self, spec: SceneSpec, shape: tuple[int, int]) -> None:
        self.spec, self.shape, self.unit = spec, shape, min(shape) / 100
        # One stream of chance a subject, so that a prop more or less leaves skin and light as they are.
        self.rng = np.random.default_rng((spec.seed, 1))
        self.props_rng = np.random.default_rng((spec.seed, 2))
        self.lamp = Lamp.hung(self.rng)
        wide, high = shape[1] / self.unit, shape[0] / self.unit
        lean = np.deg2rad(self.rng.uniform(-17, 17))
        self.limb = Limb(
            self.unit * wide * self.rng.uniform(0.40, 0.50),
            self.unit * high * 0.5,
            float(lean),
            self.unit * self.rng.uniform(25, 28),
            float(self.rng.uniform(-0.09, 0.09)),
        )
        along = self.rng.uniform(-6, 2) * self.unit if spec.view is View.LIMB else 0.0
        across = self.rng.uniform(-4, 4) * self.unit
        x, y = self.limb.point(np.array([along], np.float32), np.array([across], np.float32))
        self.middle = (float(x[0]), float(y[0]))
        self.band = float(along + 36.0 * self.unit)
        self.skin: Field = np.zeros(shape, np.float32)
        self.field: Field | None = None

    def ground(self) -> Pixels:
        """Skin, wound and cloth under the lamp."""
        rng, unit, shape, spec = self.rng, self.unit, self.shape, self.spec
        if spec.view is View.LIMB:
            self.skin, height = body.limb_surface(rng, shape, unit, self.limb)
        else:
            self.skin, height = body.trunk_surface(rng, shape, unit)
        shine = np.full(shape, 0.045, np.float32)
        surface = Surface(
            self.skin, height, body.skin_colour(rng, shape, unit, spec.tone), shine, np.zeros_like(height)
        )
        if spec.wound is not None:
            self.field = wounds.wound_field(rng, shape, unit, spec.wound, middle=self.middle, lean=self.limb.lean)
            wounds.cut(rng, surface, self.field, unit, spec.wound)
        skin = self.lamp.shade(surface.albedo, relief(surface.height), (0.34, 0.20, 0.16), surface.gloss, surface.wet)
        folds, colour = body.cloth(rng, shape, unit, int(rng.integers(5)))
        still = np.zeros(shape, np.float32)
        sheet = self.lamp.shade(colour, relief(folds), (0.15, 0.15, 0.15), still, still)
        rise = body.blend_view(spec.view)
        if rise > 0:
            dark = 0.55 * cast(self.skin, self.lamp, rise * unit, 5 * unit)
            dark += 0.30 * cast(self.skin, self.lamp, 1.5 * unit, 1.6 * unit)
            sheet *= (1 - np.minimum(dark, 0.8))[..., None]
        else:
            dark = 0.6 * cast(1 - self.skin, self.lamp, -rise * unit, 1.4 * unit)
            skin *= (1 - np.minimum(dark, 0.7))[..., None]
        light = sheet + (skin - sheet) * smoothstep(0, 1, self.skin)[..., None]
        light *= vignette(shape)[..., None]
        return developed(light, float(self.rng.uniform(0.96, 1.06)))

    def room(self) -> Room:
        """What the limb and the wound leave free, one cell a unit."""
        if not hasattr(self, "_room"):
            columns, rows = int(self.shape[1] / self.unit), int(self.shape[0] / self.unit)
            cells = np.zeros((rows, columns), np.uint8)
            if self.spec.view is View.LIMB:
                cells[cv2.resize(self.skin, (columns, rows), interpolation=cv2.INTER_AREA) > 0.02] = 1
            if self.field is not None and self.spec.wound is not None:
                near = cv2.resize(self.field, (columns, rows), interpolation=cv2.INTER_AREA)
                cells[near > -0.22 * self.spec.wound.radius * self.unit] = 2
            self._room = Room(cells)
        return self._room


def _laid(
    stage: _Stage, pixels: Pixels, prop: Prop, unit: float, scale: float
) -> tuple[Sheet, Mapping2, NDArray[np.uint8], int] | None:
    rng = np.random.default_rng((stage.spec.seed, 3, list(Prop).index(prop)))
    sheet = SHEETS[prop](stage.spec.person, rng, unit * 1.15)
    room = stage.room()
    if prop is Prop.WRISTBAND:
        limb = stage.limb.scaled(scale)
        mapping, hidden = wrap(pixels, sheet, limb, stage.lamp, at=stage.band * scale, unit=unit)
        taken = cv2.resize(hidden, (room.cells.shape[1], room.cells.shape[0]), interpolation=cv2.INTER_AREA)
        room.cells[taken > 20] = 2
        return sheet, mapping, hidden, 12
    lean = float(-np.rad2deg(stage.limb.lean))
    turns = (lean + 90, lean - 90, lean) if prop is Prop.RULER else (0.0, 90.0, -90.0)
    on_skin = prop is Prop.RULER or stage.spec.view is View.TRUNK
    place = room.find(rng, sheet.width, sheet.height, turns, 1 if on_skin else 0)
    if place is None:
        return None
    homography = lie_flat(sheet, place, unit, rng)
    hidden = lay(pixels, sheet, homography, stage.lamp, unit, glow=prop is Prop.SCREEN)
    return sheet, flat_mapping(homography), hidden, 1


def _readable(sheet: Sheet, mapping: Mapping2, prop: Prop, steps: int) -> tuple[list[Word], list[Code], list[Region]]:
    words: list[Word] = []
    truth: list[Region] = []
    for line in sheet.lines:
        for text, box in line.words:
            polygon = outline(box, mapping, steps=steps)
            foot, head = mapping(
                np.array([[box[0] + box[2] / 2, box[1] + line.capital], [box[0] + box[2] / 2, box[1]]])
            )
            words.append(Word(text, polygon, float(np.hypot(*(foot - head))), prop, line.identifying))
        if line.identifying:
            first, last = line.words[0][1], line.words[-1][1]
            whole = (first[0], first[1], last[0] + last[2] - first[0], first[3])
            truth.append(Region(Kind.TEXT, outline(whole, mapping, steps=steps), 1.0, DRAWN))
    codes = [Code(name, text, outline(box, mapping, steps=steps), prop) for name, text, box in sheet.codes]
    truth += [Region(Kind.CODE, code.polygon, 1.0, DRAWN) for code in codes]
    return words, codes, truth


def _enlarged(field: Field, size: tuple[int, int]) -> Field:
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), np.float32)
