"""Skin of any tone over a limb or a trunk, and the cloth it lies on: surfaces, before any light falls."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.scenes.light import Linear, linear
from inference.scenes.texture import Field, bell, fractal, smoothstep
from inference.scenes.values import View

MONK = (
    (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150),
    (160, 126, 86), (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32),
)  # fmt: skip
"""The ten tones of the Monk scale as sRGB (skintone.google, CC BY 4.0)."""

CLOTHS = ((84, 146, 142), (112, 152, 190), (196, 208, 212), (128, 176, 160), (92, 120, 158))


@dataclass(frozen=True, slots=True)
class Limb:
    """A tapered tube through the frame, in pixels: its middle, its lean from the vertical and its half width there."""

    x: float
    y: float
    lean: float
    radius: float
    taper: float

    def along(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Each point as (way along the axis, way across it)."""
        sine, cosine = np.float32(np.sin(self.lean)), np.float32(np.cos(self.lean))
        dx, dy = x - np.float32(self.x), y - np.float32(self.y)
        return dx * sine + dy * cosine, dx * cosine - dy * sine

    def point(self, along: Field, across: Field) -> tuple[Field, Field]:
        """The inverse of :meth:`along`."""
        sine, cosine = np.float32(np.sin(self.lean)), np.float32(np.cos(self.lean))
        return self.x + along * sine + across * cosine, self.y + along * cosine - across * sine

    def width(self, along: Field) -> Field:
        """Half width at a way along the axis: a taper and the swell of a muscle."""
        reach = along / np.float32(self.radius)
        swell = 0.07 * bell((reach + 1.2) * 0.65)
        return np.asarray(self.radius * (1 + self.taper * np.tanh(reach * 0.45) + swell), np.float32)

    def scaled(self, factor: float) -> Limb:
        """The same limb in a picture `factor` times as large."""
        return Limb(self.x * factor, self.y * factor, self.lean, self.radius * factor, self.taper)


@dataclass(slots=True)
class Surface:
    """A surface under construction: outline of skin (0..1), height in pixels, colour and how it shines."""

    skin: Field
    height: Field
    albedo: Linear
    gloss: Field
    wet: Field


def grid(shape: tuple[int, int]) -> tuple[Field, Field]:
    """X and y of every pixel's middle."""
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return x, y


def limb_surface(rng: np.random.Generator, shape: tuple[int, int], unit: float, limb: Limb) -> tuple[Field, Field]:
    """Outline and height of a limb with a crease or two across it."""
    along, across = limb.along(*grid(shape))
    radius = limb.width(along)
    radius += fractal(rng, shape, 45 * unit, octaves=2) * np.float32(0.9 * unit)
    share = across / radius
    outline = np.clip(radius - np.abs(across) + 0.5, 0, 1)
    # Past the edge it keeps falling, so that the rim of the outline is as dark as skin that turns away.
    height = radius * (np.sqrt(np.maximum(1 - share * share, 0.02)) - 3 * np.maximum(np.abs(share) - 0.99, 0))
    height = height * np.float32(0.9)
    height -= _creases(rng, along, across, unit, span=90)
    return outline, np.asarray(height, np.float32)


def trunk_surface(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> tuple[Field, Field]:
    """Outline and height of a belly or a back that a sheet leaves free."""
    x, y = grid(shape)
    turn = rng.uniform(-0.35, 0.35)
    down, across = y / unit - (shape[0] / unit - 16), (x - np.float32(shape[1] / 2)) / unit
    edge = down * np.float32(np.cos(turn)) + across * np.float32(np.sin(turn))
    edge += 2.2 * fractal(rng, shape, 40 * unit, octaves=2)
    outline = np.clip(-edge * unit + 0.5, 0, 1)
    middle_x, middle_y = rng.uniform(0.4, 0.6) * shape[1], rng.uniform(0.3, 0.5) * shape[0]
    away = ((x - middle_x) ** 2 + 1.3 * (y - middle_y) ** 2) / np.float32((95 * unit) ** 2)
    height = cv2.exp(-away) * np.float32(34 * unit)
    height += fractal(rng, shape, 70 * unit, octaves=2) * np.float32(1.4 * unit)
    height -= _creases(rng, y - np.float32(middle_y), x - np.float32(middle_x), unit, span=60)
    return np.asarray(outline, np.float32), np.asarray(height, np.float32)


def _creases(rng: np.random.Generator, along: Field, across: Field, unit: float, span: float) -> Field:
    total = np.zeros_like(along)
    for _ in range(int(rng.integers(2, 5))):
        at = rng.uniform(-span, span) * 0.6
        bend, slant = rng.uniform(-0.008, 0.008), rng.uniform(-0.2, 0.2)
        way = along / unit - at - slant * across / unit - bend * (across / unit) ** 2
        deep = rng.uniform(0.25, 0.7) * unit
        total += (bell(way / 0.55) + bell(way / 2.4) * 0.5) * np.float32(deep)
    return total


def skin_colour(rng: np.random.Generator, shape: tuple[int, int], unit: float, tone: int) -> Linear:
    """Skin of a Monk tone with flush, mottling, veins, freckles and moles; dark skin shows less of them."""
    tint = linear(MONK[tone - 1])
    light = float(tint.mean()) ** 0.5
    # The scale's patches are paler than lit skin: blood and melanin take their share of green and blue.
    tint = tint * np.array([1.12 - 0.18 * light, 0.84 - 0.10 * light, 0.78 - 0.16 * light], np.float32)
    flush = fractal(rng, shape, 22 * unit, octaves=3) * 0.6 + fractal(rng, shape, 3 * unit, octaves=2) * 0.4
    depth = fractal(rng, shape, 9 * unit, octaves=3)
    veins = bell(fractal(rng, shape, 26 * unit, octaves=2, stretch=(0.7, 1.8)) * (1 / 0.09))
    veins *= smoothstep(0.0, 1.4, fractal(rng, shape, 40 * unit, octaves=1)) * np.float32(0.16 * light)
    veins = np.asarray(cv2.GaussianBlur(veins, (0, 0), 0.9 * unit), np.float32)
    spots = _spots(rng, shape, unit)
    albedo = np.empty((3, *shape), np.float32)
    for channel, (blood, vein, melanin) in enumerate(((0.028, 0.8, 0.55), (-0.058, 0.45, 0.78), (-0.05, 0.25, 0.9))):
        shift = 1.0 + flush * np.float32(blood * (0.5 + light)) + depth * np.float32(0.022)
        albedo[channel] = tint[channel] * shift * (1 - veins * vein) * (1 - spots * melanin)
    return albedo


def _spots(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Field:
    spots = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(12, 60))):
        size = rng.uniform(0.12, 0.42) if rng.random() < 0.93 else rng.uniform(0.6, 1.0)
        place = (int(rng.integers(shape[1] * 8)), int(rng.integers(shape[0] * 8)))
        axes = (max(4, int(size * unit * 8)), max(4, int(size * unit * rng.uniform(5, 9))))
        shade = int(rng.uniform(40, 110) if size < 0.5 else rng.uniform(150, 210))
        cv2.ellipse(spots, place, axes, float(rng.uniform(0, 180)), 0, 360, shade, -1, cv2.LINE_AA, 3)
    return np.asarray(cv2.GaussianBlur(spots, (0, 0), max(0.6, 0.12 * unit)).astype(np.float32) / 255, np.float32)


def cloth(rng: np.random.Generator, shape: tuple[int, int], unit: float, colour: int) -> tuple[Field, Linear]:
    """Height and colour of a sheet with soft folds."""
    lean = (1.0, 2.6) if rng.random() < 0.5 else (2.6, 1.0)
    broad = fractal(rng, shape, 34 * unit, octaves=2, stretch=lean)
    ridge = fractal(rng, shape, 26 * unit, octaves=2, stretch=lean)
    # A crest has a rounded back: the square root keeps the ridge from being a knife's edge.
    crest = 1.2 - np.sqrt(ridge * ridge + 0.05)
    height = broad * np.float32(2.2 * unit) + crest * np.float32(3.0 * unit)
    height += fractal(rng, shape, 8 * unit, octaves=2) * np.float32(0.16 * unit)
    tint = linear(CLOTHS[colour % len(CLOTHS)])
    wash = 1 + 0.02 * fractal(rng, shape, 12 * unit, octaves=2)
    return np.asarray(height, np.float32), np.asarray(wash * tint[:, None, None], np.float32)


def blend_view(view: View) -> float:
    """How high skin stands above the cloth (limb) or the cloth above the skin (trunk), in units."""
    return 9.0 if view is View.LIMB else -1.6
