"""Tattoos as a tattooist's book holds them: lines, shapes, dots, letters and colours, and how they sit in the skin.

They are drawn here and nowhere else: what teaches our own network has a book of its own, so that these are drawings
which it never saw. A motif is a :class:`Sheet` whose pixels say how much the ink takes of red, green and blue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.body import Surface, grid
from inference.scenes.ink import Strokes, anchor, arc, rosette
from inference.scenes.printing import Colour, Sheet
from inference.scenes.sets.bending import Bend
from inference.scenes.sets.strokes import written
from inference.scenes.texture import Field, fractal

UNITS: Final = 20.0
"""Width and height of a motif's sheet."""
_DOTS: Final = 25.0
_LARGE: Final = 0.94
"""A drawing of -1..1 fills so much of its sheet."""
_FINE: Final = 4

BLACK: Colour = (230, 214, 194)
"""Blue-black: it takes nearly all light, and of blue the least."""
GREY: Colour = (120, 112, 102)
RED: Colour = (40, 205, 200)
GREEN: Colour = (200, 80, 176)
BLUE: Colour = (218, 150, 50)
_LIGHT: Final = 0.55
"""How much of a colour is in a shape that is filled lightly."""
_WORDS: Final = ("Anna", "Ruth", "hope", "1987", "Elias", "mama", "Noor", "free", "Iker", "home")

Points = NDArray[np.float64]
"""N×2, a drawing of -1..1 both ways."""


def _pixels(points: Points | list[tuple[float, float]]) -> list[NDArray[np.int32]]:
    middle = UNITS * _DOTS / 2
    return [np.round((np.asarray(points) * _LARGE + 1) * middle * 2**_FINE).astype(np.int32)]


def _line(sheet: Sheet, points: Points | list[tuple[float, float]], thick: float, ink: Colour = BLACK) -> None:
    """`thick` in units."""
    cv2.polylines(sheet.pixels, _pixels(points), False, ink, max(1, round(thick * _DOTS)), cv2.LINE_AA, _FINE)


def _shape(sheet: Sheet, points: Points, ink: Colour = BLACK, share: float = 1.0) -> None:
    paint = tuple(channel * share for channel in ink)
    cv2.fillPoly(sheet.pixels, _pixels(points), paint, cv2.LINE_AA, _FINE)


def _dot(sheet: Sheet, x: float, y: float, radius: float, ink: Colour = BLACK) -> None:
    turn = np.linspace(0, 2 * np.pi, 24)
    _shape(sheet, np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1), ink)


def _some(rng: np.random.Generator, *inks: Colour) -> Colour:
    return inks[int(rng.integers(len(inks)))]


def _traced(rng: np.random.Generator, sheet: Sheet, strokes: Strokes) -> None:
    thick = float(rng.uniform(0.5, 0.9))
    for stroke in strokes:
        _line(sheet, stroke, thick)


def _anchor(rng: np.random.Generator, sheet: Sheet) -> None:
    _traced(rng, sheet, anchor())


def _rosette(rng: np.random.Generator, sheet: Sheet) -> None:
    _traced(rng, sheet, rosette())


def _heart(rng: np.random.Generator, sheet: Sheet) -> None:
    t = np.linspace(0, 2 * np.pi, 120)
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 17
    outline = np.stack([np.sin(t) ** 3 * 0.95, y - 0.1], axis=1)
    _shape(sheet, outline, _some(rng, RED, RED, GREY), float(rng.uniform(_LIGHT, 1)))
    _line(sheet, outline, 0.6)
    banner = np.array([(-0.95, -0.05), (0.95, -0.2), (0.95, 0.2), (-0.95, 0.35), (-0.95, -0.05)])
    _shape(sheet, banner, (0, 0, 0))
    _line(sheet, banner, 0.4)
    _lettering(rng, sheet, 0.55)


def _butterfly(rng: np.random.Generator, sheet: Sheet) -> None:
    t = np.linspace(0, 2 * np.pi, 240)
    wings: list[Points] = []
    for size, lift in ((1.0, -0.25), (0.7, 0.35)):
        for side in (-1, 1):
            lobe = np.abs(np.sin(t / 2)) ** 0.7
            x, y = side * size * (0.05 + 0.85 * lobe * np.sin(t / 2)), lift + size * 0.62 * lobe * np.sin(t)
            wings.append(np.stack([x, y], axis=1))
    ink = _some(rng, BLUE, GREEN, RED, GREY)
    for wing in wings:
        _shape(sheet, wing, ink, float(rng.uniform(_LIGHT, 0.9)))
    for wing in wings:
        _line(sheet, wing, 0.5)
        _line(sheet, wing * 0.6, 0.3)
    _shape(sheet, np.array([(-0.06, -0.6), (0.06, -0.6), (0.09, 0.75), (-0.09, 0.75)]))
    for side in (-1, 1):
        _line(sheet, arc(side * 0.3, -0.65, 0.28, 180 if side > 0 else 270, 270 if side > 0 else 360), 0.3)


def _snake(rng: np.random.Generator, sheet: Sheet) -> None:
    t = np.linspace(-0.9, 0.9, 160)
    middle = np.stack([0.55 * np.sin(4.2 * t + rng.uniform(0, 6)), t], axis=1)
    thick = float(rng.uniform(2.6, 3.6))
    _line(sheet, middle, thick)
    _line(sheet, middle, thick - 0.9, _some(rng, GREEN, GREY, (0, 0, 0)))
    along = np.gradient(middle, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
    for place in range(6, 154, 6):
        _line(sheet, [tuple(middle[place] + side * 0.1 * across[place]) for side in (-1, 1)], 0.3)
    _dot(sheet, float(middle[-1, 0]), float(middle[-1, 1]), 0.2)


def _stars(rng: np.random.Generator, sheet: Sheet) -> None:
    filled, ink = bool(rng.random() < 0.6), _some(rng, BLACK, BLACK, BLUE, RED)
    for x, y, size in (
        (-0.5, -0.5, 0.45),
        (0.45, -0.35, 0.36),
        (-0.2, 0.3, 0.42),
        (0.55, 0.45, 0.32),
        (-0.7, 0.75, 0.2),
    ):
        turn = np.deg2rad(np.arange(0, 361, 36)) + rng.uniform(0, 1)
        reach = np.where(np.arange(11) % 2, 0.42, 1.0) * size
        star = np.stack([x + reach * np.sin(turn), y - reach * np.cos(turn)], axis=1)
        if filled:
            _shape(sheet, star, ink)
        _line(sheet, star, 0.5, ink)


def _blades(rng: np.random.Generator, sheet: Sheet) -> None:
    for _ in range(int(rng.integers(3, 6))):
        start, sweep = rng.uniform(-40, 200), rng.uniform(80, 150)
        x, y, radius = rng.uniform(-0.2, 0.3), rng.uniform(-0.5, 0.5), rng.uniform(0.3, 0.6)
        outer = np.array(arc(x, y, radius, start, start + sweep))
        t = np.linspace(0, np.pi, len(outer))[:, None]
        inner = outer + (np.array([x, y]) - outer) * (0.55 * np.sin(t))
        blade = np.concatenate([outer, inner[::-1]])
        for side in (1, -1):
            _shape(sheet, np.clip(blade * [side, 1] + [side * 0.25, 0], -1, 1))


def _band(rng: np.random.Generator, sheet: Sheet) -> None:
    for y in (-0.42, 0.42):
        _line(sheet, [(-1, y), (1, y)], float(rng.uniform(1.0, 1.8)))
    across = np.linspace(-1, 1, int(rng.integers(9, 16)))
    down = np.where(np.arange(len(across)) % 2, 0.25, -0.25)
    _line(sheet, np.stack([across, down], axis=1), float(rng.uniform(0.7, 1.2)))


def _letters(rng: np.random.Generator, sheet: Sheet) -> None:
    _lettering(rng, sheet, 1.9)


def _lettering(rng: np.random.Generator, sheet: Sheet, wide: float) -> None:
    """A word across the middle, `wide` of -1..1."""
    word = written(
        rng, (_WORDS[int(rng.integers(len(_WORDS)))],), _DOTS, colour=BLACK, thick=float(rng.uniform(0.1, 0.2))
    )
    rows, columns = np.nonzero(word.alpha)
    alpha = word.alpha[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    side = sheet.pixels.shape[0]
    scale = wide / 2 * _LARGE * side / alpha.shape[1]
    small = cv2.resize(alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:side]
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    at = sheet.pixels[top : top + small.shape[0], left : left + small.shape[1]]
    at[:] = np.maximum(at, small[..., None] / 255 * np.array(BLACK)).astype(np.uint8)


def _dots(rng: np.random.Generator, sheet: Sheet) -> None:
    rings = int(rng.integers(4, 7))
    for ring in range(1, rings + 1):
        reach, count = ring / rings * 0.95, 6 * ring
        for turn in (np.arange(count) * 2 * np.pi / count + ring * 0.2).tolist():
            _dot(sheet, reach * float(np.cos(turn)), reach * float(np.sin(turn)), 0.35 / rings * (1.25 - 0.12 * ring))
    _dot(sheet, 0, 0, 0.08)


def _rose(rng: np.random.Generator, sheet: Sheet) -> None:
    for side in (-1, 1):
        leaf = np.array(arc(side * 0.55, 0.35, 0.4, 0, 360)) * [1, 0.5] + [0, 0.45]
        _shape(sheet, leaf, GREEN, float(rng.uniform(_LIGHT, 0.9)))
        _line(sheet, leaf, 0.35)
    ink, share = _some(rng, RED, RED, GREY), float(rng.uniform(_LIGHT, 0.9))
    for ring, count in ((0.72, 7), (0.5, 6), (0.3, 5), (0.13, 3)):
        for turn in (np.arange(count) * 2 * np.pi / count + ring * 9).tolist():
            petal = np.array(arc(ring * np.cos(turn), ring * np.sin(turn) - 0.15, 0.3 * (0.4 + ring), 0, 360))
            _shape(sheet, petal, ink, share)
            _line(sheet, petal, 0.35)


def _swallow(rng: np.random.Generator, sheet: Sheet) -> None:
    body = np.array([
        (-0.95, -0.55), (-0.3, -0.35), (0.0, -0.45), (0.35, -0.95), (0.4, -0.35), (0.6, -0.2), (0.85, -0.2),
        (0.62, -0.02), (0.3, 0.12), (0.1, 0.45), (0.15, 0.95), (-0.08, 0.55), (-0.45, 0.85), (-0.2, 0.35), (-0.25, 0.0),
    ])  # fmt: skip
    _shape(sheet, body, _some(rng, BLACK, BLUE))
    _line(sheet, np.concatenate([body, body[:1]]), 0.4)
    _shape(sheet, np.array([(0.4, -0.2), (0.62, -0.12), (0.55, 0.0), (0.38, 0.04)]), RED)


MOTIFS: Mapping[str, Callable[[np.random.Generator, Sheet], None]] = MappingProxyType({
    "anchor": _anchor, "heart": _heart, "letters": _letters, "blades": _blades, "butterfly": _butterfly,
    "stars": _stars, "band": _band, "rose": _rose, "rosette": _rosette, "snake": _snake, "dots": _dots,
    "swallow": _swallow,
})  # fmt: skip


def motif(rng: np.random.Generator, name: str) -> Sheet:
    """That motif, as chance has it: `pixels` is how much its ink takes of red, green and blue."""
    sheet = Sheet(UNITS, UNITS, _DOTS, paper=(0, 0, 0))
    MOTIFS[name](rng, sheet)
    return sheet


def engrave(rng: np.random.Generator, surface: Surface, sheet: Sheet, bend: Bend, unit: float) -> Field:
    """Puts a motif into `surface`, in place, as fresh or as old as chance has it; gives the ink's strength (0..1)."""
    kept, spread = rng.uniform(0.6, 1.0), rng.uniform(0.08, 0.3) * unit
    shape = (surface.skin.shape[0], surface.skin.shape[1])
    seen = bend.seen(*grid(shape), sheet)
    worn = np.asarray(np.clip(0.9 + 0.08 * fractal(rng, shape, 2.5 * unit, octaves=2), 0, 1), np.float32)
    blurred = cv2.GaussianBlur(sheet.pixels, (0, 0), float(np.hypot(0.4, spread / bend.size) * sheet.scale))
    taken = np.asarray(cv2.remap(blurred, *seen.dots(sheet), cv2.INTER_LINEAR), np.float32) / 255
    taken *= (seen.there * surface.skin * worn)[..., None]
    for channel in range(3):
        surface.albedo[channel] *= 1 - taken[..., channel] * np.float32(kept)
    return np.asarray(taken.max(axis=2), np.float32)
