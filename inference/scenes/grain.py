"""What only shows at a picture's own size: pores, weave, hair, and the grain of a sensor."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels
from inference.scenes.texture import Field, fractal

_TILE = 1024


def detailed(
    rng: np.random.Generator, pixels: Pixels, skin: NDArray[np.bool_], wound: NDArray[np.bool_], unit: float
) -> Pixels:
    """`pixels` with pores and hair on skin and a weave on cloth."""
    rows, columns = skin.shape
    detail = _spread(_weave(rng, unit), (rows, columns))
    pores = _spread(_pores(rng, unit), (rows, columns))
    _hair(rng, pores, unit)
    np.copyto(detail, pores, where=skin)
    wet = cv2.dilate(wound.astype(np.uint8), np.ones((3, 3), np.uint8))
    np.copyto(detail, np.uint8(128), where=wet.astype(np.bool_))
    return np.asarray(cv2.multiply(pixels, cv2.merge([detail, detail, detail]), scale=1 / 128), np.uint8)


def grained(rng: np.random.Generator, pixels: Pixels, unit: float) -> Pixels:
    """`pixels` as a small sensor sees them: a trace of blur and of coloured noise."""
    rows, columns = pixels.shape[:2]
    if unit > 14:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (3, 3), 0.6), np.uint8)
    noise = rng.normal(0, 1.6, (_TILE // 2, _TILE // 2, 3)) + rng.normal(0, 1.6, (_TILE // 2, _TILE // 2, 1))
    tile = np.clip(noise + 128, 0, 255).astype(np.uint8)
    return np.asarray(cv2.addWeighted(pixels, 1.0, _spread(tile, (rows, columns)), 1.0, -128.0), np.uint8)


def _spread(tile: Pixels, shape: tuple[int, int]) -> Pixels:
    """`tile`, mirrored on until it fills `shape`: no seam shows."""
    rows, columns = shape
    double = np.concatenate([tile, tile[::-1]])
    double = np.concatenate([double, double[:, ::-1]], axis=1)
    repeats = (-(-rows // double.shape[0]), -(-columns // double.shape[1])) + (1,) * (tile.ndim - 2)
    return np.ascontiguousarray(np.tile(double, repeats)[:rows, :columns])


def _as_detail(field: Field, strength: float) -> Pixels:
    return np.asarray(np.clip(128 * (1 + strength * field), 60, 200), np.uint8)


def _pores(rng: np.random.Generator, unit: float) -> Pixels:
    """Fine lines that cross at a slant, as skin has under a lens, and pits between them."""
    cell = max(1.5, 0.36 * unit)
    field = np.zeros((_TILE, _TILE), np.float32)
    for turn in (32.0, -41.0):
        lines = fractal(rng, (_TILE * 3 // 2, _TILE * 3 // 2), cell, octaves=2, stretch=(0.7, 3.2))
        spin = cv2.getRotationMatrix2D((_TILE * 0.75, _TILE * 0.75), turn, 1.0)
        spin = spin - np.array([[0, 0, 1], [0, 0, 1]]) * (_TILE / 4)
        field += cv2.warpAffine(lines, spin, (_TILE, _TILE), borderMode=cv2.BORDER_REFLECT)
    field = field * 0.4 + fractal(rng, (_TILE, _TILE), cell, octaves=2) * np.float32(0.6)
    return _as_detail(field, 0.016)


def _weave(rng: np.random.Generator, unit: float) -> Pixels:
    thread = max(3.0, 0.42 * unit)
    y, x = np.mgrid[0:_TILE, 0:_TILE].astype(np.float32) * np.float32(2 * np.pi / thread)
    over = np.sin(x) * np.sin(y)
    slub = rng.normal(0, 1, (_TILE, 1)) + rng.normal(0, 1, (1, _TILE))
    soft = cv2.blur(slub.astype(np.float32), (max(1, int(thread)),) * 2)
    return _as_detail(np.asarray(over * 0.6 + soft * 0.8, np.float32), 0.035)


def _hair(rng: np.random.Generator, detail: Pixels, unit: float) -> None:
    """Fine curved hairs, thinner than a pixel where the picture is small."""
    rows, columns = detail.shape
    count = int(rng.choice([0, 90, 240])) * rows * columns // int((100 * unit) ** 2)
    turn = rng.uniform(0, np.pi)
    thick = max(1, round(0.09 * unit))
    ink = int(128 - 34 * min(1.0, 0.10 * unit))
    for _ in range(count):
        x, y = rng.uniform(0, columns), rng.uniform(0, rows)
        way = turn + rng.normal(0, 0.16)
        long, bend = rng.uniform(1.6, 4.2) * unit, rng.normal(0.2, 0.22)
        step = np.linspace(0, 1, 7)
        curve = np.stack(
            [x + long * step * np.cos(way + bend * step), y + long * step * np.sin(way + bend * step)], axis=1
        )
        cv2.polylines(detail, [np.round(curve * 8).astype(np.int32)], False, ink, thick, cv2.LINE_AA, 3)
