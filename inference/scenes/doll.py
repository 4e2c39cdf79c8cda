"""A doll's face: eyes, brows, nose, mouth and hair in flat shapes. Face detectors take it for one; it is nobody's."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels

_SIDE: Final = 384
_RADIUS: Final = np.array((70.0, 95.0))
_MIDDLE: Final = (_SIDE // 2, _SIDE // 2)
_WALL, _HAIR, _NECK, _SKIN = (150, 160, 165), (50, 35, 30), (180, 140, 118), (205, 165, 140)
_LID, _WHITE, _IRIS, _PUPIL = (150, 110, 95), (240, 240, 240), (60, 40, 30), (10, 10, 10)
_BROW, _NOSE, _RIDGE, _LIPS, _BETWEEN = (60, 42, 35), (150, 105, 88), (180, 138, 115), (170, 80, 80), (110, 45, 45)


def draw_doll(side: int) -> tuple[Pixels, NDArray[np.bool_]]:
    """A portrait of a doll, `side` pixels each way, and where its face is: from chin to hairline, ear to ear."""
    image: Pixels = np.full((_SIDE, _SIDE, 3), _WALL, np.uint8)
    _ellipse(image, (0, -20), (88, 100), _HAIR)
    cv2.rectangle(image, _at(-30, 60), _at(30, 190), _NECK, -1)
    _ellipse(image, (0, 0), _RADIUS, _SKIN)
    for side_of in (-1, 1):
        eye = (side_of * 28, -15)
        _ellipse(image, eye, (15, 8), _LID)
        _ellipse(image, eye, (12, 6), _WHITE)
        cv2.circle(image, _at(*eye), 6, _IRIS, -1, cv2.LINE_AA)
        cv2.circle(image, _at(*eye), 3, _PUPIL, -1, cv2.LINE_AA)
        cv2.ellipse(image, _at(eye[0], eye[1] - 16), (17, 5), 0, 180, 360, _BROW, 5, cv2.LINE_AA)
    cv2.ellipse(image, _at(0, 22), (14, 8), 0, 0, 180, _NOSE, 3, cv2.LINE_AA)
    cv2.line(image, _at(-7, -8), _at(-10, 20), _RIDGE, 3, cv2.LINE_AA)
    _ellipse(image, (0, 52), (26, 9), _LIPS)
    cv2.line(image, _at(-26, 52), _at(26, 52), _BETWEEN, 2, cv2.LINE_AA)
    lit = cv2.GaussianBlur(image, (0, 0), 2.2).astype(np.float32)
    across = (np.arange(_SIDE, dtype=np.float32) - _MIDDLE[0] - 40) / 120
    lit *= 1 - 0.35 * np.clip(across, -1, 1)[None, :, None] ** 2
    face = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.ellipse(face, _MIDDLE, _axes(_RADIUS), 0, 0, 360, 255, -1)
    size = (side, side)
    drawn = cv2.resize(np.clip(lit, 0, 255).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    return np.asarray(drawn, np.uint8), cv2.resize(face, size, interpolation=cv2.INTER_AREA) > 127


def _at(across: float, down: float) -> tuple[int, int]:
    return round(_MIDDLE[0] + across), round(_MIDDLE[1] + down)


def _axes(radius: NDArray[np.float64] | tuple[int, int]) -> tuple[int, int]:
    return round(float(radius[0])), round(float(radius[1]))


def _ellipse(
    image: Pixels,
    middle: tuple[int, int],
    radius: NDArray[np.float64] | tuple[int, int],
    colour: tuple[int, int, int],
) -> None:
    cv2.ellipse(image, _at(*middle), _axes(radius), 0, 0, 360, colour, -1, cv2.LINE_AA)
