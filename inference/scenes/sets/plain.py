"""Things of a ward that name nobody: dressings, tape, rulers without figures, stitches, marker outlines, tubes."""

from __future__ import annotations

import cv2
import numpy as np

from inference.scenes.printing import INK, Colour, Sheet
from inference.scenes.texture import fractal

PENS: tuple[Colour, ...] = ((28, 30, 40), (24, 44, 120), (92, 30, 120), (150, 24, 36), (16, 84, 60))
"""Marker inks; the purple one is the surgeon's."""


def dressing(rng: np.random.Generator, scale: float) -> Sheet:
    """A foam dressing with its border."""
    wide, high = rng.uniform(22, 40), rng.uniform(18, 28)
    tint: Colour = ((238, 226, 210), (244, 244, 240), (226, 206, 186))[int(rng.integers(3))]
    sheet = Sheet(wide, high, scale, paper=tint, radius=3.0)
    inner: Colour = (tint[0] - 10, tint[1] - 12, tint[2] - 14)
    sheet.area((3, 3, wide - 6, high - 6), inner, 2.0)
    rough = fractal(rng, (sheet.alpha.shape[0], sheet.alpha.shape[1]), 0.8 * scale, octaves=2)
    sheet.pixels = np.clip(sheet.pixels + 2.2 * rough[..., None], 0, 255).astype(np.uint8)
    return sheet


def tape(rng: np.random.Generator, scale: float) -> Sheet:
    """A strip of paper tape."""
    sheet = Sheet(rng.uniform(30, 46), rng.uniform(7, 10), scale, paper=(240, 236, 226), radius=0.1)
    rows = (np.arange(sheet.alpha.shape[0]) // max(1, round(0.3 * scale))) % 2
    sheet.pixels = (sheet.pixels - (rows * 4)[:, None, None]).astype(np.uint8)
    return sheet


def paper(rng: np.random.Generator, scale: float) -> Sheet:
    """A blank sheet or a note."""
    wide = rng.uniform(24, 44)
    tint: Colour = ((250, 250, 246), (252, 244, 190), (246, 246, 250))[int(rng.integers(3))]
    sheet = Sheet(wide, wide * rng.uniform(0.6, 1.1), scale, paper=tint, radius=0.1)
    if rng.random() < 0.4:
        for y in np.arange(5, sheet.height - 2, 4.0):
            sheet.rule(0, float(y), wide, float(y), colour=(176, 192, 214), thick=0.14)
    return sheet


def ruler(rng: np.random.Generator, scale: float) -> Sheet:
    """A paper scale of ticks and fields, without a figure on it."""
    sheet = Sheet(rng.uniform(34, 60), 6.4, scale, paper=(248, 248, 244), radius=0.3)
    for tick in range(int(sheet.width) - 3):
        x = 2.0 + tick
        sheet.rule(x, 0, x, 2.6 if tick % 10 == 0 else 1.9 if tick % 5 == 0 else 1.2, colour=INK, thick=0.16)
    for place, shade in enumerate((30, 90, 150, 200)):
        sheet.area((6 + 6 * place, 3.7, 4, 2), (shade, shade, shade))
    return sheet


def outline(rng: np.random.Generator, scale: float, radius: float) -> Sheet:
    """A marker's line around something, of about that radius; dashed by half."""
    side = radius * 2.6
    sheet = Sheet(side, side, scale, paper=PENS[int(rng.integers(len(PENS)))], radius=0.0)
    turn = np.linspace(0, 2 * np.pi, 160)
    away = radius * (1 + sum(rng.normal(0, 0.05) * np.cos(k * turn + rng.uniform(0, 6.28)) for k in range(1, 5)))
    ring = np.stack([side / 2 + away * np.cos(turn), side / 2 + away * np.sin(turn)], axis=1)
    dashed = rng.random() < 0.5
    parts = [ring[i : i + 6] for i in range(0, 160, 10)] if dashed else [ring]
    return _inked(sheet, parts, rng.uniform(0.5, 0.9))


def stitches(rng: np.random.Generator, scale: float, length: float) -> Sheet:
    """A closed cut with stitches or staples across it."""
    staples = rng.random() < 0.4
    sheet = Sheet(length + 4, 9, scale, paper=(150, 152, 156) if staples else (22, 24, 44), radius=0.0)
    parts = []
    for x in np.arange(3, length + 1, rng.uniform(2.6, 4.0)):
        lean, reach = rng.normal(0, 0.25), rng.uniform(2.2, 2.8)
        parts.append(np.array([[x - lean, 4.5 - reach], [x + lean, 4.5 + reach]]))
        if not staples:
            parts.append(np.array([[x, 4.5], [x + rng.uniform(-1, 1), 4.5 + rng.uniform(0.6, 1.4)]]))
    return _inked(sheet, parts, 0.5 if staples else 0.34)


def cut(rng: np.random.Generator, scale: float, length: float) -> Sheet:
    """The red line of a closed cut."""
    sheet = Sheet(length + 4, 9, scale, paper=(128, 26, 30), radius=0.0)
    x = np.linspace(2, length + 2, 60)
    y = 4.5 + 0.3 * np.sin(x * rng.uniform(0.2, 0.5)) + rng.normal(0, 0.06, 60)
    return _inked(sheet, [np.stack([x, y], axis=1)], float(rng.uniform(0.5, 1.0)))


def tube(rng: np.random.Generator, scale: float) -> Sheet:
    """A length of clear tubing in a loose curve."""
    sheet = Sheet(90, 50, scale, paper=(214, 222, 226), radius=0.0)
    way = np.linspace(0, 1, 80)
    curve = np.stack([2 + 86 * way, 25 + 15 * np.sin(way * rng.uniform(2, 7) + rng.uniform(0, 6))], axis=1)
    sheet = _inked(sheet, [curve], 2.2)
    bright = [np.round((curve - [0, 0.5]) * scale * 8).astype(np.int32)]
    cv2.polylines(sheet.pixels, bright, False, (252, 252, 252), max(1, round(0.5 * scale)), cv2.LINE_AA, 3)
    return sheet


def _inked(sheet: Sheet, parts: list[np.ndarray[tuple[int, int], np.dtype[np.float64]]], thick: float) -> Sheet:
    sheet.alpha = np.zeros_like(sheet.alpha)
    for part in parts:
        points = [np.round(part * sheet.scale * 8).astype(np.int32)]
        cv2.polylines(sheet.alpha, points, False, (235,), max(1, round(thick * sheet.scale)), cv2.LINE_AA, 3)
    return sheet
