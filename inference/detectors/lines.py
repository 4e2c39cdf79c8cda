"""Reads a line, as far as to say how sure a recogniser is that there are letters, and whether it stays so."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from inference.detectors.reading import LINES, Quad, is_writing, letters, lying, other_ways, straighten, upside_down
from inference.models import LoadedModel, Tensor
from inference.picture import Pixels, Polygon

READER: Final = "ppocr-v6-tiny-rec"
MARGINS: Final = (0.0, 0.15)
"""Of a line's height, what is taken off all around when it is read again: letters stay what they are."""
FIRM: Final = 0.4
"""How sure the reader must be each time."""


class LineReader:
    """Asks the recogniser about one line, the right way up and upside down."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    def prepare(self) -> None:
        """Warms the canvases that lines are read on."""
        for line in LINES:
            self._model.prepare(line)

    def sure(self, image: Pixels, quad: Quad, enough: float) -> float:
        """How sure the reader is of letters in a lying quad; it does not go on once it is sure `enough`.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no reading.
        """
        line = straighten(image, quad)
        best = 0.0
        for view in (line, upside_down(line)):
            best = max(best, self._sure_of(view))
            if best >= enough:
                break
        return best

    def firm(self, image: Pixels, polygon: Polygon) -> bool:
        """Whether there are letters with more and with less around them, the same way up; raises what `sure` raises.

        Skin and wounds that read as two letters read as one, or as none, once the margin is another.
        """
        corners = cv2.boxPoints(cv2.minAreaRect(np.asarray(polygon, np.float32)))
        line = lying(np.asarray(corners, np.float64))
        return any(self._firm_along(image, way) for way in (line, *other_ways(line)))

    def _firm_along(self, image: Pixels, line: Quad) -> bool:
        views = [straighten(image, _narrowed(line, share)) for share in MARGINS]
        ways = views, [upside_down(view) for view in views]
        return any(all(self._sure_of(view) >= FIRM for view in way) for way in ways)

    def _sure_of(self, line: Pixels) -> float:
        sure, counts = letters(self._model.run(_tensor(line)))
        return sure if is_writing(counts) else 0.0


def _narrowed(line: Quad, share: float) -> Quad:
    """A lying line without so much of its height on every side."""
    across, down = line[1] - line[0], line[3] - line[0]
    high = float(np.linalg.norm(down))
    along = across * (share * high / max(float(np.linalg.norm(across)), 1e-6))
    low = down * share
    return np.asarray(line + np.stack([along + low, low - along, -along - low, along - low]), np.float64)


def _tensor(line: Pixels) -> Tensor:
    """1×3×48×W float32: blue, green, red, -1 to 1."""
    return np.asarray(cv2.dnn.blobFromImage(line, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True), dtype=np.float32)
