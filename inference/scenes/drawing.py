"""A scene, drawn: surfaces under one lamp at a working size, then grain, hair and print at the picture's own size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Kind, Pixels, Region
from inference.scenes.chance import imagined
from inference.scenes.grain import detailed, grained
from inference.scenes.placing import Mapping2, Room, flat_mapping, lay, lie_flat, outline, wrap
from inference.scenes.printing import Sheet
from inference.scenes.props import SHEETS
from inference.scenes.stage import Stage
from inference.scenes.texture import Field
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

WORKING_AREA = 900_000
"""Pixels of the working size: soft things need no more."""


def draw_scene(spec: SceneSpec | int, size: tuple[int, int] = (1600, 1200)) -> Scene:
    """The scene that `spec` describes, or that a seed imagines, `size` (width, height) pixels large.

    The same values give the same pixels.

    Raises:
        ValueError: a side under 320 pixels, or more than 16.5 megapixels.
    """
    if isinstance(spec, int):
        spec = imagined(spec)
    width, height = size
    if min(size) < SMALLEST_SIDE or width * height > LARGEST_AREA:
        raise ValueError(f"a scene has sides of at least {SMALLEST_SIDE} pixels and at most 16.5 megapixels")
    factor = max(1.0, (width * height / WORKING_AREA) ** 0.5)
    shape = (round(height / factor), round(width / factor))
    stage = Stage(spec, shape)
    ground = stage.ground()
    room = stage.room()
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
    if stage.ink is not None:
        hull = cv2.convexHull(cv2.findNonZero((_enlarged(stage.ink, size) > 0.25).astype(np.uint8)))
        truth.append(Region(Kind.TATTOO, tuple((float(x), float(y)) for [[x, y]] in hull), 1.0, DRAWN))
    for prop in spec.props:
        laid = _laid(stage, room, pixels, prop, unit=unit, scale=scale)
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


def _laid(
    stage: Stage, room: Room, pixels: Pixels, prop: Prop, *, unit: float, scale: float
) -> tuple[Sheet, Mapping2, NDArray[np.uint8], int] | None:
    rng = np.random.default_rng((stage.spec.seed, 3, list(Prop).index(prop)))
    sheet = SHEETS[prop](stage.spec.person, rng, unit * 1.15)
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
