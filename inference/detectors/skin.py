"""Tattoos, and things with print on them, by our own network (docs/models/wardlens-skin.md): each as a piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import Canvas
from inference.detectors import centerface
from inference.detectors.faces import MARGIN as MARGIN_OF_FACE
from inference.detectors.faces import faces_of
from inference.detectors.skinmap import Map, SkinMaps, decode, looked_at
from inference.geometry import box_corners, expand_boxes
from inference.models import LoadedModel
from inference.picture import Kind, Pixels, Polygon, Region
from inference.policy import Thresholds

PRINT: Final = 0.95
"""From here on a thing is printed matter: the reader of lines sees what is less sure (docs/models/wardlens-skin.md)."""
MARGIN: Final = 0.07
"""Of a region's own size: how far it is grown, because fine lines at a tattoo's edge are seen last."""
SMALLEST: Final = 6
"""Pixels of the map: what is smaller is a speck."""
SUREST: Final = 0.9
"""The quantile of a region that is its score: a tattoo has a core that the network is sure of."""


@dataclass(frozen=True, slots=True)
class Grain:
    """How a map becomes pieces: how sure the network is where one ends, and of the map's long side what joins two."""

    core: float
    gap: float


TATTOO: Final = Grain(core=0.3, gap=0.03)
PRINTED: Final = Grain(core=0.5, gap=0.01)

_CORNERS: Final = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)


class SkinDetector:
    """Finds tattoos and printed things on one canvas.

    With `faces` it finds upright faces in the same pass, because the network is a head on the face model's backbone.
    """

    def __init__(self, model: LoadedModel, canvas: Canvas, thresholds: Thresholds, *, faces: bool = False) -> None:
        self.name = "face+skin" if faces else "skin"
        self.kinds = frozenset({Kind.TATTOO, Kind.TEXT, *((Kind.FACE,) if faces else ())})
        self.models: Mapping[str, str] = {model.model.name: model.model.sha256}
        self._model = model
        self._canvas = canvas
        self._thresholds = thresholds
        self._faces = faces

    def prepare(self) -> None:
        """Warms the sessions that pictures lying and upright will use."""
        for canvas in {self._canvas.lying, self._canvas.upright}:
            self._model.prepare(canvas)

    def detect(self, image: Pixels) -> list[Region]:
        """Each tattoo and each printed thing with a margin, from its kind's threshold on.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no map of probabilities.
        """
        return self.survey(image)[0]

    def survey(self, image: Pixels) -> tuple[list[Region], SkinMaps]:
        """What :meth:`detect` answers, and the maps that it was seen on; raises the same."""
        height, width = image.shape[:2]
        outputs, scale = looked_at(self._model, image, self._canvas)
        maps = decode(outputs[-1], scale=scale, width=width, height=height)
        regions = self._on_skin(maps)
        if self._faces:
            boxes, scores = centerface.decode(outputs[:4], self._thresholds.face.ask)
            regions += faces_of(box_corners(expand_boxes(boxes, MARGIN_OF_FACE)) / scale, scores, width, height)
        return regions, maps

    def _on_skin(self, maps: SkinMaps) -> list[Region]:
        name, tattoo = self._model.model.name, self._thresholds.tattoo.ask
        asked = ((Kind.TATTOO, maps.tattoo, TATTOO, tattoo), (Kind.TEXT, maps.printed, PRINTED, PRINT))
        return [
            Region(kind, outline, score, name)
            for kind, sure, grain, least in asked
            for outline, score in pieces(sure, maps.scale, grain)
            if score >= least
        ]


def pieces(sure: Map, scale: float, grain: Grain) -> list[tuple[Polygon, float]]:
    """The outline of each piece of a map, in pixels of the picture, and its score. Pure.

    `scale` is pixels of the map for each of the picture; the score is how sure the network is of the piece's core.
    """
    reach = max(1, round(grain.gap * max(sure.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    joined = cv2.morphologyEx((sure >= grain.core).astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found: list[tuple[Polygon, float]] = []
    for contour in contours:
        inside = np.zeros(sure.shape, np.uint8)
        cv2.drawContours(inside, [contour], -1, (1,), -1)
        values = sure[(inside > 0) & (sure >= grain.core)]
        if values.size >= SMALLEST:
            score = float(np.clip(np.quantile(values, SUREST), 0, 1))
            found.append((_outline(np.asarray(contour, np.int32), scale), score))
    return found


def _outline(contour: NDArray[np.int32], scale: float) -> Polygon:
    """The hull of a piece, grown on every side, in pixels of the picture."""
    points = contour[:, 0, :].astype(np.float64) + 0.5
    margin = 0.5 + MARGIN * float(np.sqrt(np.prod(points.max(axis=0) - points.min(axis=0) + 1)))
    grown = (points[:, None] + _CORNERS * margin).reshape(-1, 2).astype(np.float32)
    return tuple((float(x) / scale, float(y) / scale) for x, y in cv2.convexHull(grown)[:, 0, :])
