"""Redaction is destruction: the pixels inside every region become one solid colour (promise 9).

Nothing of a covered pixel's value survives, not blurred, not averaged: the fill is a constant.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels, Polygon

FILL: Final = (24, 26, 30)
"""RGB of the fill: near black, so that nobody takes it for part of the picture, the same for every kind."""

_FARTHEST: Final = 1 << 14
"""Corners farther than this many pixels outside the picture are pulled in: OpenCV draws in 32 bits with a shift."""
_SHIFT: Final = 4


def cover(pixels: Pixels, polygons: Iterable[Polygon]) -> Pixels:
    """A copy of H×W×3 `pixels` in which everything inside or on any of the polygons is the fill.

    Raises:
        ValueError: a side so long that the fill cannot be drawn at its end.
    """
    if max(pixels.shape[:2]) > 2 * _FARTHEST:
        raise ValueError(f"a picture with a side above {2 * _FARTHEST} pixels cannot be covered")
    covered: Pixels = np.array(pixels, dtype=np.uint8, order="C", copy=True)
    for polygon in polygons:
        _draw(covered, polygon, FILL)
    return covered


def coverage(width: int, height: int, polygons: Iterable[Polygon]) -> NDArray[np.bool_]:
    """H×W: true where `cover` fills."""
    mask = np.zeros((height, width), dtype=np.uint8)
    for polygon in polygons:
        _draw(mask, polygon, (1,))
    return mask.view(np.bool_)


def _draw(target: NDArray[np.uint8], polygon: Polygon, colour: tuple[int, ...]) -> None:
    """Fills, and draws the outline over it: the fill alone leaves out pixels that thin shapes cut in half."""
    corners = _corners(polygon)
    cv2.fillPoly(target, [corners], colour, lineType=cv2.LINE_8, shift=_SHIFT)
    cv2.polylines(target, [corners], isClosed=True, color=colour, lineType=cv2.LINE_8, shift=_SHIFT)


def _corners(polygon: Polygon) -> NDArray[np.int32]:
    """Corners as OpenCV draws them: pixel centres at whole numbers, so half a pixel up and left of ours."""
    points = np.clip(np.asarray(polygon, dtype=np.float64) - 0.5, -_FARTHEST, 2 * _FARTHEST)
    return np.round(points * (1 << _SHIFT)).astype(np.int32)
