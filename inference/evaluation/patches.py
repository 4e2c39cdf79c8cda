"""Which pixels a polygon holds, exactly: a pixel is inside when its middle is. Pure.

`inference.covering.coverage` is not used for truths, because it also takes the pixels that an outline only touches:
right for what is covered, and two per cent too many for a small face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.evaluation.annotations import Bits, Truth
from inference.geometry import bounds
from inference.picture import Polygon


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Some pixels of a picture: h×w bool, and where its top left pixel lies."""

    left: int
    top: int
    bits: Bits

    @property
    def right(self) -> int:
        """The first column after it."""
        return self.left + int(self.bits.shape[1])

    @property
    def bottom(self) -> int:
        """The first row after it."""
        return self.top + int(self.bits.shape[0])

    def share_of(self, covered: Bits) -> float:
        """How much of it is true in the H×W `covered`: 0 to 1."""
        return float(covered[self.top : self.bottom, self.left : self.right][self.bits].mean())

    def add_to(self, canvas: Bits) -> None:
        """Sets its pixels in the H×W `canvas`."""
        canvas[self.top : self.bottom, self.left : self.right] |= self.bits

    def grown(self, radius: float, width: int, height: int) -> Patch:
        """It with every pixel of a width × height picture that lies within `radius` of it."""
        margin = int(np.ceil(radius))
        left, top = max(0, self.left - margin), max(0, self.top - margin)
        right, bottom = min(width, self.right + margin), min(height, self.bottom + margin)
        away = np.ones((bottom - top, right - left), dtype=np.uint8)
        inner = away[self.top - top : self.bottom - top, self.left - left : self.right - left]
        inner[self.bits] = 0
        distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return Patch(left, top, np.asarray(distance <= radius, dtype=np.bool_))


def patch_of(truth: Truth, width: int, height: int) -> Patch:
    """The truth's pixels in a picture of that size: those of its mask, or those inside its outline."""
    if truth.mask is None:
        return inside(truth.polygon, width, height)
    rows, columns = (np.flatnonzero(truth.mask.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return Patch(int(left), int(top), truth.mask[top:bottom, left:right])


def inside(polygon: Polygon, width: int, height: int) -> Patch:
    """The pixels whose middle is inside the polygon (even-odd rule); at least one, however thin it is."""
    x0, y0, x1, y1 = bounds(polygon)
    left, top = _within(np.floor(x0), width - 1), _within(np.floor(y0), height - 1)
    right, bottom = _within(np.ceil(x1), width, left + 1), _within(np.ceil(y1), height, top + 1)
    across = np.arange(left, right) + 0.5
    down = np.arange(top, bottom) + 0.5
    bits = np.zeros((bottom - top, right - left), dtype=np.bool_)
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        rows = np.flatnonzero((down >= min(ay, by)) & (down < max(ay, by)))
        if rows.size:
            crossing = ax + (down[rows] - ay) * (bx - ax) / (by - ay)
            bits[rows] ^= across[None, :] > crossing[:, None]
    if not bits.any():
        row, column = _within((y0 + y1) / 2 - top, bits.shape[0] - 1), _within((x0 + x1) / 2 - left, bits.shape[1] - 1)
        bits[row, column] = True
    return Patch(left, top, bits)


def _within(value: float, most: int, least: int = 0) -> int:
    return int(min(max(value, least), most))
