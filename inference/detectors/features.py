"""Where a face's eyes and mouth are, by CenterFace's landmarks: asked only when a person uncovers a face."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import cut_out, way_to
from inference.detectors import centerface
from inference.detectors.faces import CLOSE, MARGIN, MODEL
from inference.facial import FaceLook
from inference.geometry import box_corners
from inference.models import LoadedModel
from inference.picture import Pixels, Region

SIZES: Final = (58, 96)
"""A face's length on the canvas in each look: large enough for landmarks."""
LEAST: Final = 0.35
"""Below this score nothing is a face, whatever its landmarks."""
_TURNS: Final = 2
"""How often the face is turned by its eyes: at 45° they are seen some 15° awry, after one turn hardly."""
_CORNERS: Final = 4

__all__ = ["MODEL", "FeatureFinder"]


class FeatureFinder:
    """Looks at one face closer, turned upright by its own eyes, at several sizes."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    def looks(self, image: Pixels, region: Region) -> list[FaceLook]:
        """The face in the middle of the region at each size, with its landmarks; less where it is not seen.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no face map.
        """
        if region.model != MODEL or len(region.polygon) != _CORNERS:
            return []
        quad = np.asarray(region.polygon)
        middle, across, down = quad.mean(axis=0), quad[1] - quad[0], quad[3] - quad[0]
        length = max(float(np.hypot(*across)), float(np.hypot(*down)), 1.0) / MARGIN
        here = float(middle[0]), float(middle[1])
        for _ in range(_TURNS):
            first = self._look(image, here, _level(across), SIZES[-1] / length)
            if first is None:
                return []
            across = np.subtract(first.landmarks[1], first.landmarks[0])
        found = (self._look(image, here, _level(across), size / length) for size in SIZES)
        return [look for look in found if look is not None]

    def _look(self, image: Pixels, middle: tuple[float, float], degrees: int, scale: float) -> FaceLook | None:
        view = cut_out(image, CLOSE, middle, degrees, scale)
        outputs = self._model.run(np.asarray(cv2.dnn.blobFromImage(view), dtype=np.float32))
        boxes, scores, landmarks = centerface.decode_landmarks(outputs, LEAST)
        centre = np.array([CLOSE.width, CLOSE.height]) / 2
        here = np.flatnonzero((boxes[:, :2] < centre).all(axis=1) & (boxes[:, 2:] > centre).all(axis=1))
        if not here.size:
            return None
        best = here[0]
        back = np.asarray(cv2.invertAffineTransform(way_to(CLOSE, middle, degrees, scale)), dtype=np.float64)
        corners = box_corners(boxes[best : best + 1])[0] @ back[:, :2].T + back[:, 2]
        eye, other_eye, nose, corner, other_corner = (
            (float(x), float(y)) for x, y in landmarks[best] @ back[:, :2].T + back[:, 2]
        )
        return FaceLook(
            tuple((float(x), float(y)) for x, y in corners),
            float(scores[best]),
            (eye, other_eye, nose, corner, other_corner),
        )


def _level(across: NDArray[np.float64]) -> int:
    """By how many degrees, counter-clockwise, a picture is turned so that this lies level."""
    return round(float(np.degrees(np.arctan2(across[1], across[0]))))
