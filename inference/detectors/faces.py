"""Faces, by CenterFace on the picture turned by some quarter turns: patients lie down, and at 90° half are missed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from inference.canvas import Canvas, fit
from inference.detectors import centerface
from inference.geometry import box_polygon, expand_boxes, turn_boxes_back
from inference.models import LoadedModel
from inference.picture import Kind, Pixels, Region

MODEL: Final = "centerface"
MARGIN: Final = 1.7
"""Times the model's box: docs/evaluation.md has what each margin covers of heads, and of wounds."""


class FaceDetector:
    """Finds faces in the picture turned by `turns` quarter turns, on one canvas."""

    kinds: Final = frozenset({Kind.FACE})

    def __init__(self, model: LoadedModel, canvas: Canvas, *, turns: int, threshold: float) -> None:
        self.name = f"face-{turns * 90}" if turns else "face"
        self.models: Mapping[str, str] = {model.model.name: model.model.sha256}
        self._model = model
        self._canvas = canvas
        self._turns = turns
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
        placed, scale = fit(image, self._canvas.for_picture(width, height))
        turned = np.ascontiguousarray(np.rot90(placed, self._turns))
        outputs = self._model.run(np.asarray(cv2.dnn.blobFromImage(turned), dtype=np.float32))
        boxes, scores = centerface.decode(outputs, self._threshold)
        boxes = turn_boxes_back(boxes, self._turns, placed.shape[1], placed.shape[0])
        boxes = expand_boxes(boxes / scale, MARGIN)
        inside = (boxes[:, 0] < width) & (boxes[:, 1] < height) & (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
        return [
            Region(Kind.FACE, box_polygon(box), float(score), MODEL)
            for box, score in zip(boxes[inside], scores[inside], strict=True)
        ]
