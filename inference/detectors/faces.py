"""Faces, by CenterFace on the picture turned: patients lie down, and at 90° half of their faces are missed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from inference.canvas import Canvas, fit_turned
from inference.detectors import centerface
from inference.geometry import box_corners, expand_boxes
from inference.models import LoadedModel
from inference.picture import Kind, Pixels, Region

MODEL: Final = "centerface"
MARGIN: Final = 1.7
"""Times the model's box: docs/evaluation.md has what each margin covers of heads, and of wounds."""


class FaceDetector:
    """Finds faces in the picture turned counter-clockwise by so many degrees, on one canvas."""

    kinds: Final = frozenset({Kind.FACE})

    def __init__(self, model: LoadedModel, canvas: Canvas, *, degrees: int, threshold: float) -> None:
        self.name = f"face-{degrees}" if degrees else "face"
        self.models: Mapping[str, str] = {model.model.name: model.model.sha256}
        self._model = model
        self._canvas = canvas
        self._degrees = degrees
        self._threshold = threshold

    def prepare(self) -> None:
        """Warms the sessions that pictures lying and upright will use."""
        for canvas in {self._canvas.lying, self._canvas.upright}:
            self._model.prepare(canvas)

    def detect(self, image: Pixels) -> list[Region]:
        """Each face with the margin that covers the head, from `threshold` on.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no face map.
        """
        height, width = image.shape[:2]
        placed, back = fit_turned(image, self._canvas, self._degrees)
        outputs = self._model.run(np.asarray(cv2.dnn.blobFromImage(placed), dtype=np.float32))
        boxes, scores = centerface.decode(outputs, self._threshold)
        corners = box_corners(expand_boxes(boxes, MARGIN)) @ back[:, :2].T + back[:, 2]
        low, high = corners.min(axis=1), corners.max(axis=1)
        inside = (low[:, 0] < width) & (low[:, 1] < height) & (high[:, 0] > 0) & (high[:, 1] > 0)
        return [
            Region(Kind.FACE, tuple((float(x), float(y)) for x, y in quad), float(score), MODEL)
            for quad, score in zip(corners[inside], scores[inside], strict=True)
        ]
