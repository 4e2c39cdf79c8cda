"""From a map of how sure the network is to the pieces that a picture shows: one outline, one score each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.detectors.skinmap import Map
from inference.picture import Polygon

SMALLEST: Final = 6
"""Pixels of the map: what is smaller is a speck."""
SUREST: Final = 0.9
"""The quantile of a piece that is its score: a tattoo has a core that the network is sure of."""

_CORNERS: Final = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)


@dataclass(frozen=True, slots=True)
class Grain:
    """How a map becomes pieces.

    Attributes:
        core: how sure the network is where a piece ends.
        gap: of the map's long side, what joins two.
        margin: of a piece's own size, how far its hull is grown: fine lines at an edge are seen last.
    """

    core: float
    gap: float
    margin: float


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One thing on a map.

    Attributes:
        outline: its hull with a margin, in pixels of the picture.
        score: how sure the network is of its core.
        inside: h×w, true on its own pixels of the map.
    """

    outline: Polygon
    score: float
    inside: NDArray[np.bool_]


def pieces(sure: Map, scale: float, grain: Grain) -> list[Piece]:
    """The pieces of a map; `scale` is pixels of the map for each of the picture."""
    reach = max(1, round(grain.gap * max(sure.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    joined = cv2.morphologyEx((sure >= grain.core).astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found: list[Piece] = []
    for contour in contours:
        filled = np.zeros(sure.shape, np.uint8)
        cv2.drawContours(filled, [contour], -1, (1,), -1)
        inside = (filled > 0) & (sure >= grain.core)
        if np.count_nonzero(inside) >= SMALLEST:
            score = float(np.clip(np.quantile(sure[inside], SUREST), 0, 1))
            found.append(Piece(_hull(np.asarray(contour, np.int32), scale, grain.margin), score, inside))
    return found


def _hull(contour: NDArray[np.int32], scale: float, margin: float) -> Polygon:
    points = contour[:, 0, :].astype(np.float64) + 0.5
    reach = 0.5 + margin * float(np.sqrt(np.prod(points.max(axis=0) - points.min(axis=0) + 1)))
    grown = (points[:, None] + _CORNERS * reach).reshape(-1, 2).astype(np.float32)
    return tuple((float(x) / scale, float(y) / scale) for x, y in cv2.convexHull(grown)[:, 0, :])
