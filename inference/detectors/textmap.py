"""A text detector's probability map, as boxes at any angle. No runtime: runs on recorded maps.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization" (2020): the map shows the shrunken core
of each line; the line itself is the core grown by area × ratio / perimeter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Quad = NDArray[np.float64]
"""4×2 float64: x, y."""

_SMALLEST: Final = 2.5
_MOST: Final = 400


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text: the rectangle around its core, in map pixels, and the map's mean inside it."""

    centre: tuple[float, float]
    size: tuple[float, float]
    angle: float
    score: float

    def quad(self, ratio: float) -> Quad:
        """The corners of the core grown by area × ratio / perimeter on every side."""
        wide, high = self.size
        grow = wide * high * ratio / (wide + high)
        corners = cv2.boxPoints((self.centre, (wide + grow, high + grow), self.angle))
        return np.asarray(corners, dtype=np.float64) + 0.5


def decode(outputs: list[NDArray[np.float32]], *, core: float, threshold: float) -> list[Line]:
    """The lines whose mean probability is at least `threshold`, largest core first.

    Raises:
        ValueError: not one map of 1×1×H×W with probabilities.
    """
    if len(outputs) != 1 or outputs[0].ndim != 4 or outputs[0].shape[:2] != (1, 1):
        raise ValueError(f"a text map is 1×1×H×W, got {[output.shape for output in outputs]}")
    heat = outputs[0][0, 0]
    if not np.isfinite(heat).all() or heat.min() < -0.01 or heat.max() > 1.01:
        raise ValueError("a text map holds probabilities")
    contours, _ = cv2.findContours((heat >= core).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found: list[Line] = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:_MOST]:
        (x, y), (wide, high), angle = cv2.minAreaRect(contour)
        score = _mean_inside(heat, np.asarray(contour, dtype=np.int32))
        if min(wide, high) >= _SMALLEST and score >= threshold:
            found.append(Line((x, y), (wide, high), angle, score))
    return found


def _mean_inside(heat: NDArray[np.float32], contour: NDArray[np.int32]) -> float:
    left, top, wide, high = cv2.boundingRect(contour)
    mask = np.zeros((high, wide), dtype=np.uint8)
    cv2.drawContours(mask, [contour], -1, (1,), -1, offset=(-left, -top))
    mean = cv2.mean(heat[top : top + high, left : left + wide], mask)[0]
    return float(min(1.0, max(0.0, mean)))
