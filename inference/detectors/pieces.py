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
    """How a map becomes pieces: from cores that are joined where they are near, into what is fainter around them.

    Attributes:
        core: how sure the network is where a piece begins.
        faint: how sure it is where a piece ends.
        gap: of the map's long side, what joins two cores.
        reach: of a core's own size, how far a piece goes on into what is faint: beyond lie a floor, a chair, hair.
        margin: of a piece's own size, how far its hull is grown: fine lines at an edge are seen last.
    """

    core: float
    faint: float
    gap: float
    reach: float
    margin: float


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One thing on a map.

    Attributes:
        outline: its hull with a margin, in pixels of the picture.
        score: how sure the network is of its core.
        inside: h×w, true on its core's own pixels of the map.
    """

    outline: Polygon
    score: float
    inside: NDArray[np.bool_]


def pieces(sure: Map, scale: float, grain: Grain) -> list[Piece]:
    """The pieces of a map; `scale` is pixels of the map for each of the picture."""
    gap = max(1, round(grain.gap * max(sure.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * gap + 1, 2 * gap + 1))
    cores, faint = ((sure >= level).astype(np.uint8) for level in (grain.core, grain.faint))
    count, labels = cv2.connectedComponents(cv2.morphologyEx(cores, cv2.MORPH_CLOSE, kernel))
    found: list[Piece] = []
    for number in range(1, count):
        inside = (labels == number) & (cores > 0)
        if np.count_nonzero(inside) >= SMALLEST:
            score = float(np.clip(np.quantile(sure[inside], SUREST), 0, 1))
            whole = _gone_on(inside, faint, grain.reach)
            found.append(Piece(_hull(whole, scale, grain.margin), score, inside))
    return found


def _size(inside: NDArray[np.bool_]) -> float:
    """The geometric mean of its width and height."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return float(np.sqrt((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)))


def _gone_on(core: NDArray[np.bool_], faint: NDArray[np.uint8], reach: float) -> NDArray[np.bool_]:
    """The core, and what is faint and can be reached from it in so many steps of its size."""
    piece, around = core.astype(np.uint8), np.ones((3, 3), np.uint8)
    for _ in range(round(reach * _size(core))):
        farther = np.asarray(cv2.dilate(piece, around), np.uint8) & (faint | piece)
        if np.array_equal(farther, piece):
            break
        piece = farther
    return piece > 0


def _hull(inside: NDArray[np.bool_], scale: float, margin: float) -> Polygon:
    rows, columns = np.nonzero(inside)
    reach = 0.5 + margin * _size(inside)
    points = np.stack([columns, rows], axis=1).astype(np.float64) + 0.5
    grown = (points[:, None] + _CORNERS * reach).reshape(-1, 2).astype(np.float32)
    return tuple((float(x) / scale, float(y) / scale) for x, y in cv2.convexHull(grown)[:, 0, :])
