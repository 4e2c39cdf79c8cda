"""A text detector's probability map, as boxes at any angle. No runtime: runs on recorded maps.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization" (2020): the map shows the shrunken core
of each line; the line itself is the core grown by area × ratio / perimeter.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Quad = NDArray[np.float64]
"""4×2 float64: x, y."""

_SMALLEST: Final = 3
_MOST: Final = 400


def decode(
    outputs: list[NDArray[np.float32]], *, core: float, ratio: float, threshold: float
) -> list[tuple[Quad, float]]:
    """Each line's four corners in map pixels, with its mean probability, for those from `threshold` on.

    Raises:
        ValueError: not one map of 1×1×H×W with probabilities.
    """
    if len(outputs) != 1 or outputs[0].ndim != 4 or outputs[0].shape[:2] != (1, 1):
        raise ValueError(f"a text map is 1×1×H×W, got {[output.shape for output in outputs]}")
    heat = outputs[0][0, 0]
    if not np.isfinite(heat).all() or heat.min() < -0.01 or heat.max() > 1.01:
        raise ValueError("a text map holds probabilities")
    contours, _ = cv2.findContours((heat >= core).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found: list[tuple[Quad, float]] = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:_MOST]:
        (x, y), (wide, high), angle = cv2.minAreaRect(contour)
        if min(wide, high) < _SMALLEST:
            continue
        score = _mean_inside(heat, np.asarray(contour, dtype=np.int32))
        if score < threshold:
            continue
        grow = 2 * wide * high * ratio / (2 * (wide + high))
        corners = cv2.boxPoints(((x, y), (wide + grow, high + grow), angle))
        found.append((np.asarray(corners, dtype=np.float64) + 0.5, score))
    return found


def _mean_inside(heat: NDArray[np.float32], contour: NDArray[np.int32]) -> float:
    left, top, wide, high = cv2.boundingRect(contour)
    mask = np.zeros((high, wide), dtype=np.uint8)
    cv2.drawContours(mask, [contour], -1, (1,), -1, offset=(-left, -top))
    mean = cv2.mean(heat[top : top + high, left : left + wide], mask)[0]
    return float(min(1.0, max(0.0, mean)))
