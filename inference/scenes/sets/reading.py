"""What can be read in a drawn picture once it has been taken: words by rule, codes by trying.

The one place of the drawing that asks a reader: a drawn code counts as legible when zxing-cpp reads it, and as a code
that only a person recognises when it does not.
"""

from __future__ import annotations

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from inference.picture import Pixels, Polygon

_LARGEST = 1400
"""Pixels of a side that a code's surroundings are enlarged to at most."""


def code_texts(pixels: Pixels, polygon: Polygon, turns: tuple[float, ...] = (0.0,)) -> frozenset[str]:
    """What zxing-cpp reads in `pixels` in and just around `polygon`: at its size and doubled, as it lies and turned.

    `turns` are degrees. A linear code that lies askew is read only once it is turned level, and whoever wants to know
    what it says will turn it.
    """
    part = _around(pixels, polygon)
    found: set[str] = set()
    for scale in (1.0, 2.0):
        if scale > 1 and max(part.shape) * scale > _LARGEST:
            continue
        sized = part if scale == 1 else cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        for turn in turns:
            turned = np.ascontiguousarray(sized if turn == 0 else _rotated(np.asarray(sized, np.uint8), turn))
            found |= {read.text for read in zxingcpp.read_barcodes(turned)}
    return frozenset(found)


def contrast(grey: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Difference, of 255, between the light and the dark of the pixels `where`."""
    low, high = np.percentile(grey[where], (6, 94))
    return float(high - low)


def _around(pixels: Pixels, polygon: Polygon) -> Pixels:
    corners = np.array(polygon)
    margin = 0.25 * float((corners.max(axis=0) - corners.min(axis=0)).max()) + 8
    x0, y0 = (int(max(0, v - margin)) for v in corners.min(axis=0))
    x1, y1 = (int(v + margin) for v in corners.max(axis=0))
    return pixels[y0:y1, x0:x1]


def _rotated(part: Pixels, degrees: float) -> Pixels:
    rows, columns = part.shape[:2]
    spin = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1.0)
    side = int(np.hypot(rows, columns)) + 2
    spin[:, 2] += (side - columns) / 2, (side - rows) / 2
    return np.asarray(cv2.warpAffine(part, spin, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)
