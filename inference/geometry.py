"""Where things are when a picture is turned, scaled and cut: pure arithmetic on corners and boxes.

Coordinates are pixels with the origin at the top left corner of the top left pixel, x to the right, y down. A quarter
turn is 90° counter-clockwise, as in `numpy.rot90`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Polygon

Boxes = NDArray[np.float64]
"""N×4 float64: left, top, right, bottom."""

Points = NDArray[np.float64]
"""N×2 float64: x, y."""

FULL_TURN: Final = 4


def turn_back(points: Points, turns: int, width: int, height: int) -> Points:
    """Points of a picture turned by `turns` quarter turns, in the picture before it was turned.

    `width` and `height` are those of the picture before it was turned.
    """
    x, y = points[:, 0], points[:, 1]
    match turns % FULL_TURN:
        case 1:
            return np.stack([width - y, x], axis=1)
        case 2:
            return np.stack([width - x, height - y], axis=1)
        case 3:
            return np.stack([y, height - x], axis=1)
        case _:
            return points.copy()


def expand_boxes(boxes: Boxes, factor: float) -> Boxes:
    """The same boxes about the same centres, `factor` times as wide and as high."""
    centre = (boxes[:, 0:2] + boxes[:, 2:4]) / 2
    half = (boxes[:, 2:4] - boxes[:, 0:2]) / 2 * factor
    return np.concatenate([centre - half, centre + half], axis=1)


def box_corners(boxes: Boxes) -> NDArray[np.float64]:
    """N×4×2: the corners of each box, clockwise from the top left."""
    return boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]


def box_polygon(box: Sequence[float]) -> Polygon:
    """The four corners of a box (left, top, right, bottom), clockwise from the top left."""
    left, top, right, bottom = (float(value) for value in box)
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def bounds(polygon: Polygon) -> tuple[float, float, float, float]:
    """The box (left, top, right, bottom) around a polygon."""
    xs = [x for x, _ in polygon]
    ys = [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)


def area(polygon: Polygon) -> float:
    """The area inside a polygon that does not cross itself (Gauss's formula)."""
    closed = (*polygon, polygon[0])
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(closed))) / 2


def scale_polygon(polygon: Polygon, factor: float) -> Polygon:
    """The polygon grown or shrunk about the middle of its bounds."""
    left, top, right, bottom = bounds(polygon)
    x0, y0 = (left + right) / 2, (top + bottom) / 2
    return tuple((x0 + (x - x0) * factor, y0 + (y - y0) * factor) for x, y in polygon)


def spread_polygon(polygon: Polygon, by: float) -> Polygon:
    """The convex outline of everything within `by` pixels across and down of the polygon."""
    corners = [(x + dx, y + dy) for x, y in polygon for dx in (-by, by) for dy in (-by, by)]
    hull = cv2.convexHull(np.asarray(corners, dtype=np.float32))
    return tuple((float(x), float(y)) for x, y in hull.reshape(-1, 2))


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Width and height in whole pixels of a picture at another scale; however small, there is a pixel of it."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def lies_in(polygon: Polygon, convex: Polygon, slack: float = 0.0) -> bool:
    """Whether every corner of a polygon lies in a convex one grown by `slack` of its size (0.05: by a twentieth)."""
    around = np.asarray(scale_polygon(convex, 1 + slack))
    points = np.asarray(polygon)
    sides = np.roll(around, -1, axis=0) - around
    away = points[:, None] - around[None]
    turn = sides[None, :, 0] * away[..., 1] - sides[None, :, 1] * away[..., 0]
    return bool((turn >= -1e-9).all() or (turn <= 1e-9).all())


def box_area(box: Sequence[float]) -> float:
    """Of a box of left, top, right, bottom; 0 where it has none."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap_of_smaller(first: Sequence[float], second: Sequence[float]) -> float:
    """How much of the smaller of two boxes lies in the other: 0 to 1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    smaller = min(box_area(first), box_area(second))
    if width <= 0 or height <= 0 or smaller <= 0:
        return 0.0
    return float(min(1.0, width * height / smaller))


def strongest(boxes: Boxes, scores: NDArray[np.float64], limit: float) -> NDArray[np.intp]:
    """Indices of the boxes to keep, best score first: none overlaps a better one by more than `limit` (IoU)."""
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        corner = np.maximum(boxes[best, 0:2], boxes[rest, 0:2])
        size = np.clip(np.minimum(boxes[best, 2:4], boxes[rest, 2:4]) - corner, 0, None)
        shared = size[:, 0] * size[:, 1]
        union = areas[best] + areas[rest] - shared
        order = rest[shared <= limit * np.maximum(union, 1e-9)]
    return np.array(kept, dtype=np.intp)
