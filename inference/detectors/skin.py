"""Tattoos, and things with print on them, by our own network (docs/models/wardlens-skin.md): each as a piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from inference.canvas import Canvas
from inference.detectors.ink import reconsidered
from inference.detectors.pieces import Grain, pieces
from inference.detectors.skinlooks import surveyed
from inference.detectors.skinmap import SkinMaps, joined, on_skin
from inference.models import LoadedModel
from inference.picture import Kind, Pixels, Region
from inference.policy import Thresholds

PRINT: Final = 0.95
"""From here on a thing is printed matter: the reader of lines sees what is less sure (docs/models/wardlens-skin.md)."""
SMALL_PRINT: Final = 0.97
"""The same on the largest canvas alone: it sees wristbands of three places of the map, which the others do not."""
ALONE: Final = 0.1
"""What a tattoo must score more where it was looked at once: the mean of several looks is never as sure of itself."""
WOUND: Final = 0.1
"""How sure the network must be of a wound to count it for the live view's guide, which must not cry wolf."""
TATTOO: Final = Grain(core=0.6, faint=0.3, gap=0.05, reach=0.3, margin=0.14)
PRINTED: Final = Grain(core=0.5, faint=0.2, gap=0.01, reach=0.2, margin=0.07)


class Survey(NamedTuple):
    """What was seen, the maps of all canvases as one, and those of the largest canvas alone."""

    regions: list[Region]
    maps: SkinMaps
    finest: SkinMaps


class SkinDetector:
    """Finds tattoos and printed things on one canvas, or on several: what is seen at two sizes, or twice, is surer.

    Attributes:
        wound: the share of the picture it looked at last that it takes for a wound, 0 to 1; None before the first.
    """

    kinds: Final = frozenset({Kind.TATTOO, Kind.TEXT})
    name: Final = "skin"

    def __init__(
        self, model: LoadedModel, canvases: Sequence[Canvas], thresholds: Thresholds, *, twice: bool = False
    ) -> None:
        self.models: Mapping[str, str] = {model.model.name: model.model.sha256}
        self._model = model
        self._canvases = tuple(canvases)
        self._twice = twice
        self.wound: float | None = None
        self._tattoo = thresholds.tattoo.ask + (ALONE if len(self._canvases) == 1 else 0)

    def prepare(self) -> None:
        """Warms the network on pictures lying and upright."""
        for canvas in self._canvases:
            for turned in {canvas.lying, canvas.upright}:
                self._model.prepare(turned)

    def detect(self, image: Pixels) -> list[Region]:
        """Each tattoo and each printed thing with a margin, from its kind's threshold on.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no map of probabilities.
        """
        seen = self.survey(image)
        self.wound = float(np.mean(seen.maps.wound >= WOUND))
        return seen.regions

    def survey(self, image: Pixels) -> Survey:
        """What :meth:`detect` answers, and the maps that it was seen on; raises the same."""
        views = surveyed(self._model, image, self._canvases, twice=self._twice)
        maps = on_skin(joined(views))
        largest = max(view.scale for view in views)
        finest = joined([view for view in views if view.scale == largest])
        name = self._model.model.name
        drawn = [(piece, reconsidered(piece, maps)) for piece in pieces(maps.tattoo, maps.scale, TATTOO)]
        tattoos = [Region(Kind.TATTOO, piece.outline, score, name) for piece, score in drawn if score >= self._tattoo]
        prints = [(maps, PRINT), (finest, SMALL_PRINT)] if len(self._canvases) > 1 else [(maps, PRINT)]
        printed = [
            Region(Kind.TEXT, piece.outline, piece.score, name)
            for seen, sure in prints
            for piece in pieces(seen.printed, seen.scale, PRINTED)
            if piece.score >= sure
        ]
        return Survey(tattoos + printed, maps, finest)
