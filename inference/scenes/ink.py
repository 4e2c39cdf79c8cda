"""A tattoo in the skin: an anchor or a rosette in blue-black ink that has spread a little with the years."""

from __future__ import annotations

import cv2
import numpy as np

from inference.scenes.body import Surface
from inference.scenes.texture import Field, fractal

Strokes = list[list[tuple[float, float]]]
"""Lines in a drawing of -1..1 both ways."""


def arc(x: float, y: float, radius: float, start: float, end: float) -> list[tuple[float, float]]:
    """Points along a circle, from one angle to the other in degrees."""
    turn = np.deg2rad(np.linspace(start, end, 48))
    return [(x + radius * float(np.cos(t)), y + radius * float(np.sin(t))) for t in turn]


def anchor() -> Strokes:
    """An anchor with its rope."""
    return [
        arc(0, -0.80, 0.16, 0, 360),
        [(0, -0.64), (0, 0.86)],
        [(-0.42, -0.40), (0.42, -0.40)],
        arc(0, 0.14, 0.72, 20, 160),
        [(0.52, 0.46), (0.80, 0.22), (0.82, 0.58), (0.52, 0.46)],
        [(-0.52, 0.46), (-0.80, 0.22), (-0.82, 0.58), (-0.52, 0.46)],
        [(0.5 * float(np.sin(3.1 * t)), t) for t in np.linspace(-0.5, 0.9, 48)],
    ]


def rosette() -> Strokes:
    """Eight petals in two rings."""
    strokes = [arc(0, 0, 0.22, 0, 360), arc(0, 0, 0.95, 0, 360), arc(0, 0, 0.88, 0, 360)]
    for turn in np.arange(0, 360, 45.0):
        way = np.deg2rad(turn)
        x, y = 0.26 * float(np.cos(way)), 0.26 * float(np.sin(way))
        tip = (0.84 * float(np.cos(way)), 0.84 * float(np.sin(way)))
        for side in (-1, 1):
            bulge = way + side * 0.36
            strokes.append([(x, y), (0.55 * float(np.cos(bulge)), 0.55 * float(np.sin(bulge))), tip])
    return strokes


def tattoo(
    rng: np.random.Generator, surface: Surface, unit: float, *, middle: tuple[float, float], lean: float
) -> Field:
    """Puts ink into `surface`, in place; gives the strength (0..1) of the ink at each pixel."""
    rows, columns = surface.skin.shape
    size = rng.uniform(8.5, 10.5) * unit
    strokes = anchor() if rng.random() < 0.5 else rosette()
    spin = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    mask = np.zeros((rows, columns), np.uint8)
    for stroke in strokes:
        points = (np.array(stroke) * size) @ spin.T + np.array(middle)
        thick = max(1, round(rng.uniform(0.55, 0.9) * unit))
        cv2.polylines(mask, [np.round(points * 8).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
    spread = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.22 * unit)
    worn = 0.86 + 0.10 * fractal(rng, (rows, columns), 2.5 * unit, octaves=2)
    ink = np.asarray(np.clip(spread * worn, 0, 1) * surface.skin, np.float32)
    for channel, depth in enumerate((0.90, 0.82, 0.72)):
        surface.albedo[channel] *= 1 - ink * np.float32(depth)
    return ink
