"""Text, by a PP-OCR detector: wristbands, badges, labels, screens, print on fabric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from inference.canvas import Canvas, fit
from inference.detectors import textmap
from inference.models import LoadedModel, Tensor
from inference.picture import Kind, Pixels, Region

MODEL: Final = "ppocr-v6-tiny-det"
CORE: Final = 0.3
RATIO: Final = 1.7
LARGEST: Final = 0.12
"""Of the frame: what is larger is skin or cloth that the model takes for text; lettering that large has gaps."""

_MEAN: Final = np.array([0.485, 0.456, 0.406], dtype=np.float32) * 255
_DEVIATION: Final = np.array([0.229, 0.224, 0.225], dtype=np.float32) * 255


class TextDetector:
    """Finds lines of text on one canvas."""

    name: Final = "text"
    kinds: Final = frozenset({Kind.TEXT})

    def __init__(self, model: LoadedModel, canvas: Canvas, *, threshold: float) -> None:
        self.models: Mapping[str, str] = {model.model.name: model.model.sha256}
        self._model = model
        self._canvas = canvas
        self._threshold = threshold

    def prepare(self) -> None:
        """Warms the sessions that pictures lying and upright will use."""
        for canvas in {self._canvas.lying, self._canvas.upright}:
            self._model.prepare(canvas)

    def detect(self, image: Pixels) -> list[Region]:
        """Each line of text, from `threshold` on.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no map of probabilities.
        """
        height, width = image.shape[:2]
        placed, scale = fit(image, self._canvas.for_picture(width, height))
        lines = textmap.decode(self._model.run(_tensor(placed)), core=CORE, ratio=RATIO, threshold=self._threshold)
        regions = []
        for corners, score in lines:
            quad = corners / scale
            if cv2.contourArea(quad.astype(np.float32)) > LARGEST * width * height:
                continue
            polygon = tuple((float(x), float(y)) for x, y in quad)
            regions.append(Region(Kind.TEXT, polygon, score, MODEL))
        return regions


def _tensor(placed: Pixels) -> Tensor:
    """1×3×H×W float32: blue, green, red, normalised as the model's makers did."""
    blob: Tensor = np.asarray(cv2.dnn.blobFromImage(placed, swapRB=True), dtype=np.float32)
    for channel in range(3):
        blob[0, channel] -= _MEAN[channel]
        blob[0, channel] /= _DEVIATION[channel]
    return blob
