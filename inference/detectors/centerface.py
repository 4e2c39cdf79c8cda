"""CenterFace's four outputs, as face boxes. NumPy only, no runtime: runs on recorded tensors.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point" (2019): a heat map of face centres at a
quarter of the input's size, the logarithm of each face's size, the centre's offset, and five landmarks of each face as
shares of its box: both eyes, the nose, both corners of the mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.geometry import Boxes, strongest

_STRIDE: Final = 4
_LANDMARKS: Final = 5
_SAME_FACE: Final = 0.3
_LARGEST_LOG: Final = 8.0


def decode(outputs: Sequence[NDArray[np.float32]], threshold: float) -> tuple[Boxes, NDArray[np.float64]]:
    """N×4 boxes (left, top, right, bottom) in canvas pixels and N scores, best first.

    Raises:
        ValueError: not four outputs of the shapes that CenterFace has, a score that is no probability, or a size that
            is no number.
    """
    boxes, scores, _ = _located(outputs, threshold)
    return boxes, scores


def decode_landmarks(
    outputs: Sequence[NDArray[np.float32]], threshold: float
) -> tuple[Boxes, NDArray[np.float64], NDArray[np.float64]]:
    """As `decode`, with N×5×2 landmarks (x, y) in canvas pixels: eye, eye, nose, mouth's corner, mouth's corner.

    The eye and the corner on the picture's left come first.

    Raises:
        ValueError: as `decode`, or landmarks of another shape or that are no numbers.
    """
    boxes, scores, (rows, columns) = _located(outputs, threshold)
    marks = outputs[3]
    if marks.shape != (1, 2 * _LANDMARKS, *outputs[0].shape[2:]):
        raise ValueError(f"CenterFace's landmarks are 1×10×H×W, got {marks.shape}")
    shares = marks[0][:, rows, columns].astype(np.float64).T.reshape(-1, _LANDMARKS, 2)
    if not np.isfinite(shares).all():
        raise ValueError("CenterFace gave a landmark a place that is no number")
    corner, size = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    return boxes, scores, corner + shares[:, :, ::-1] * size  # the model says y before x


def surest(outputs: Sequence[NDArray[np.float32]]) -> float:
    """The score of the likeliest face anywhere on the canvas.

    Raises:
        ValueError: as `decode` for the heat map.
    """
    return float(_heat(outputs).max())


def _heat(outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """H×W: how likely each cell is the middle of a face."""
    if len(outputs) != 4:
        raise ValueError(f"CenterFace has four outputs, got {len(outputs)}")
    heat: NDArray[np.float32] = outputs[0]
    if heat.ndim != 4 or heat.shape[:2] != (1, 1):
        raise ValueError(f"CenterFace's heat map is 1×1×H×W, got {heat.shape}")
    if not np.isfinite(heat).all():
        raise ValueError("CenterFace's heat map holds something that is no number")
    if heat.min() < -0.01 or heat.max() > 1.01:
        raise ValueError("CenterFace's heat map holds something that is no probability")
    plane: NDArray[np.float32] = heat[0, 0]
    return plane


def _located(
    outputs: Sequence[NDArray[np.float32]], threshold: float
) -> tuple[Boxes, NDArray[np.float64], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Boxes, scores, and the cells (rows, columns) of the maps that say them."""
    heat, size, offset = _heat(outputs), outputs[1], outputs[2]
    plane = (1, 2, *heat.shape)
    if size.shape != plane or offset.shape != plane:
        raise ValueError(f"CenterFace's sizes and offsets are {plane}, got {size.shape} and {offset.shape}")
    rows, columns = np.nonzero(heat >= threshold)
    scores = np.clip(heat[rows, columns], 0, 1).astype(np.float64)
    logs = size[0][:, rows, columns].astype(np.float64)
    shifts = offset[0][:, rows, columns].astype(np.float64)
    if not (np.isfinite(logs).all() and np.isfinite(shifts).all()):
        raise ValueError("CenterFace gave a face a size that is no number")
    high, wide = np.exp(np.minimum(logs, _LARGEST_LOG)) * _STRIDE
    x = (columns + shifts[1] + 0.5) * _STRIDE
    y = (rows + shifts[0] + 0.5) * _STRIDE
    boxes = np.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], axis=1)
    kept = strongest(boxes, scores, _SAME_FACE)
    return boxes[kept], scores[kept], (rows[kept], columns[kept])
