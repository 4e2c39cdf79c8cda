"""Text, by a PP-OCR detector and a second witness: wristbands, badges, labels, screens, print on fabric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from inference.canvas import Canvas, fit
from inference.detectors import textmap
from inference.detectors.lines import LineReader
from inference.detectors.paper import papers_around
from inference.detectors.reading import lying, other_ways, rows_of
from inference.models import LoadedModel, Tensor
from inference.picture import Kind, Pixels, Region

DETECTOR: Final = "ppocr-v6-tiny-det"
CORE: Final = 0.3
LINE_THRESHOLD: Final = 0.5
READ_RATIO: Final = 1.7
COVER_RATIO: Final = 2.3
"""How far a line reaches beyond its core: as its makers cut it for reading, and so that all its letters are covered."""
LARGEST: Final = 0.12
"""Of the frame: larger it is mostly skin or cloth that the model takes for text, so it counts only where it is read."""
CLOSER: Final = 3
"""Blocks of one picture, largest first, that are read in rows where they cannot be read as one line."""
BLOCK: Final = 8.0
"""Pixels of the canvas: a core that is lower is no block of several lines."""
SPECK: Final = 5.0
"""Pixels of the canvas: a core that is lower is read along its long side alone."""
IN_ROWS: Final = 0.8
"""How sure the reader must be of a row: it is asked often, and of wounds up to 0.76."""

_MEAN: Final = np.array([0.485, 0.456, 0.406], dtype=np.float32) * 255
_DEVIATION: Final = np.array([0.229, 0.224, 0.225], dtype=np.float32) * 255


class TextDetector:
    """Finds lines of text on one canvas, and asks a reader about the `most` largest whether there are letters."""

    name: Final = "text"
    kinds: Final = frozenset({Kind.TEXT})

    def __init__(
        self, finder: LoadedModel, reader: LoadedModel, canvas: Canvas, *, threshold: float, most: int, thorough: bool
    ) -> None:
        self.models: Mapping[str, str] = {m.model.name: m.model.sha256 for m in (finder, reader)}
        self._finder = finder
        self._reader = LineReader(reader)
        self._canvas = canvas
        self._threshold = threshold
        self._most = most
        self._thorough = thorough

    def prepare(self) -> None:
        """Warms the sessions that pictures lying and upright will use, and the reader's."""
        for canvas in {self._canvas.lying, self._canvas.upright}:
            self._finder.prepare(canvas)
        self._reader.prepare()

    def detect(self, image: Pixels) -> list[Region]:
        """Each line of text, from `threshold` on.

        Thorough, it also reads what lies across or in several rows, and adds the papers that lines stand on.

        Raises:
            ModelMisbehaves: a model failed.
            ValueError: a model answered with something that is no map of probabilities.
        """
        height, width = image.shape[:2]
        placed, scale = fit(image, self._canvas.for_picture(width, height))
        found = textmap.decode(self._finder.run(_finder_tensor(placed)), core=CORE, threshold=LINE_THRESHOLD)
        regions: list[Region] = []
        asked, blocks = 0, CLOSER if self._thorough else 0
        for line in found:
            quad = line.quad(COVER_RATIO) / scale
            is_huge = cv2.contourArea(quad.astype(np.float32)) > LARGEST * width * height
            asked += not is_huge
            score = line.score if asked > self._most and not is_huge else self._read(image, line, scale)
            if score < self._threshold and min(line.size) >= BLOCK and blocks:
                blocks -= 1
                score = self._read_rows(image, line, scale)
            if score >= self._threshold:
                polygon = tuple((float(x), float(y)) for x, y in quad)
                regions.append(Region(Kind.TEXT, polygon, score, DETECTOR))
        return regions + papers_around(image, regions) if self._thorough else regions

    def _read(self, image: Pixels, line: textmap.Line, scale: float) -> float:
        """How sure the reader is of letters there, however they are turned; 0 if there are too few."""
        laid = lying(line.quad(READ_RATIO) / scale)
        across = other_ways(laid) if self._thorough and min(line.size) >= SPECK else ()
        best = 0.0
        for way in (laid, *across):
            best = max(best, self._reader.sure(image, way, self._threshold))
            if best >= self._threshold:
                break
        return best

    def _read_rows(self, image: Pixels, block: textmap.Line, scale: float) -> float:
        """How sure the reader is of letters in some row of a block of lines; 0 if it is not very sure of any."""
        laid = lying(block.quad(READ_RATIO) / scale)
        for way in (laid, *other_ways(laid)):
            for row in rows_of(way):
                sure = self._reader.sure(image, row, IN_ROWS)
                if sure >= IN_ROWS:
                    return sure
        return 0.0


def _finder_tensor(placed: Pixels) -> Tensor:
    """1×3×H×W float32: blue, green, red, normalised as the model's makers did."""
    blob: Tensor = np.asarray(cv2.dnn.blobFromImage(placed, swapRB=True), dtype=np.float32)
    for channel in range(3):
        blob[0, channel] -= _MEAN[channel]
        blob[0, channel] /= _DEVIATION[channel]
    return blob
