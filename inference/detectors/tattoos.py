"""Tattoos, by our own network (docs/models/wardlens-skin.md): where ink is in skin, covered as a piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import Canvas
from inference.detectors.skinmap import SkinMaps, survey
from inference.models import LoadedModel
from inference.picture import Kind, Pixels, Polygon, Region

CORE: Final = 0.3
"""How sure the network is where a tattoo's region ends."""
GAP: Final = 0.03
"""Of the map's long side: pieces that lie nearer to each other are one tattoo."""
MARGIN: Final = 0.07
"""Of a region's own size: how far it is grown, because fine lines at a tattoo's edge are seen last."""
SMALLEST: Final = 6
"""Pixels of the map: what is smaller is a speck."""
SUREST: Final = 0.9
"""The quantile of a region that is its score: a tattoo has a core that the network is sure of."""

_CORNERS: Final = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)


class TattooDetector:
    """Finds tattoos on one or more canvases; what is seen on any of them counts."""

    name: Final = "tattoo"
    kinds: Final = frozenset({Kind.TATTOO})

    def __init__(self, model: LoadedModel, canvases: Sequence[Canvas], *, threshold: float) -> None:
        self.models: Mapping[str, str] = {model.model.name: model.model.sha256}
        self._model = model
        self._canvases = tuple(canvases)
        self._threshold = threshold

    def prepare(self) -> None:
        """Warms the sessions that pictures lying and upright will use."""
        for canvas in {way for one in self._canvases for way in (one.lying, one.upright)}:
            self._model.prepare(canvas)

    def detect(self, image: Pixels) -> list[Region]:
        """Each tattoo with a margin, from `threshold` on.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no map of probabilities.
        """
        name = self._model.model.name
        return [
            Region(Kind.TATTOO, polygon, score, name)
            for canvas in self._canvases
            for polygon, score in tattoos(survey(self._model, image, canvas))
            if score >= self._threshold
        ]


def tattoos(maps: SkinMaps) -> list[tuple[Polygon, float]]:
    """The outline of each tattoo in pixels of the picture, and its score. Pure."""
    sure = maps.tattoo
    reach = max(1, round(GAP * max(sure.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    joined = cv2.morphologyEx((sure >= CORE).astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found: list[tuple[Polygon, float]] = []
    for contour in contours:
        inside = np.zeros(sure.shape, np.uint8)
        cv2.drawContours(inside, [contour], -1, (1,), -1)
        values = sure[(inside > 0) & (sure >= CORE)]
        if values.size < SMALLEST:
            continue
        score = float(np.clip(np.quantile(values, SUREST), 0, 1))
        found.append((_outline(np.asarray(contour, np.int32), maps.scale), score))
    return found


def _outline(contour: NDArray[np.int32], scale: float) -> Polygon:
    """The hull of a component, grown on every side, in pixels of the picture."""
    points = contour[:, 0, :].astype(np.float64) + 0.5
    margin = 0.5 + MARGIN * float(np.sqrt(np.prod(points.max(axis=0) - points.min(axis=0) + 1)))
    grown = (points[:, None] + _CORNERS * margin).reshape(-1, 2).astype(np.float32)
    return tuple((float(x) / scale, float(y) / scale) for x, y in cv2.convexHull(grown)[:, 0, :])
