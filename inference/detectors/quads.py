"""Quadrilaterals around codes: grown, and stretched along a barcode's bars. Pure."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Quad = NDArray[np.float64]
"""4×2 float64: top left, top right, bottom right, bottom left, as the code's reader names them."""

_SAMPLES: Final = 160
_ALIKE: Final = 0.6
_GAP_STEPS: Final = 4
_STEPS: Final = 100
_THINNEST: Final = 2.0


def grow_quad(quad: Quad, factor: float) -> Quad:
    """The rectangle around the quad, at its angle, larger on every side by the same margin: `factor` of its length.

    The margin is that of the long side, because a code that was read along one line has no depth to multiply.
    """
    _, _, angle = cv2.minAreaRect(quad.astype(np.float32))
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    # OpenCV's own sides are wrong where corners all but coincide: its angle will do, the sides are measured here.
    along = quad @ axes.T
    low, high = along.min(axis=0), along.max(axis=0)
    reach = max(float((high - low).max()), 4.0) * (factor - 1) / 2
    (left, top), (right, bottom) = low - reach, high + reach
    return np.asarray(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) @ axes, np.float64)


def grow_sides(quad: Quad, grey: NDArray[np.uint8]) -> Quad:
    """A linear code's quad stretched along its bars for as far as the same bars go on.

    Readers report the rows that they read, often a line; the bars go on above and below it.
    """
    along = (quad[1] - quad[0] + quad[2] - quad[3]) / 2
    length = float(np.hypot(*along))
    if length < _THINNEST:
        return quad
    across = np.array([-along[1], along[0]]) / length
    line = np.stack([(quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2])
    stride = max(1.0, length / _STEPS)
    depths = [float((corner - line[0]) @ across) for corner in quad]
    low = min(-_reach(grey, line, -across * stride) * stride, *depths)
    high = max(_reach(grey, line, across * stride) * stride, *depths)
    return np.concatenate([line + across * low, (line + across * high)[::-1]])


def _reach(grey: NDArray[np.uint8], line: NDArray[np.float64], step: NDArray[np.float64]) -> int:
    """How many steps the line can be moved before its bars end."""
    wanted = _profile(grey, line)
    reached = 0
    for count in range(1, _STEPS + 1):
        if _alike(_profile(grey, line + step * count), wanted) >= _ALIKE:
            reached = count
        elif count - reached > _GAP_STEPS:
            break
    return reached


def _profile(grey: NDArray[np.uint8], line: NDArray[np.float64]) -> NDArray[np.float64]:
    """The brightness along a line (2×2: start and end)."""
    points = (line[0] + (line[1] - line[0]) * np.linspace(0, 1, _SAMPLES)[:, None]).astype(np.float32)
    row = cv2.remap(grey, points[None, :, 0], points[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    values: NDArray[np.float64] = np.asarray(row, dtype=np.float64).ravel()
    return values


def _alike(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Correlation, best over small shifts (a code that is not quite straight): -1 to 1."""
    best = -1.0
    for shift in (-2, -1, 0, 1, 2):
        a = np.roll(first, shift) - first.mean()
        b = second - second.mean()
        norm = float(np.linalg.norm(a) * np.linalg.norm(b))
        if norm > 0:
            best = max(best, float(a @ b) / norm)
    return best
