"""A picture of any size on a canvas of one size: memory stays bound where shapes are few (onnxruntime issue 11627)."""

from __future__ import annotations

import math
import threading
import weakref
from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.geometry import scaled_size, turn_back
from inference.picture import Pixels

_MULTIPLE: Final = 16
_STEP: Final = 2

Affine = NDArray[np.float64]
"""2×3 float64: a point (x, y, 1) of one picture times this is the point in another."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Pixels across and down of a model's input; both multiples of 16."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width % _MULTIPLE or self.height % _MULTIPLE or self.width <= 0 or self.height <= 0:
            raise ValueError("a canvas is a multiple of 16 pixels each way")

    @classmethod
    def around(cls, width: int, height: int) -> Self:
        """The smallest square on which a picture of that size can be turned by any angle."""
        side = math.ceil(math.hypot(width, height) / _MULTIPLE) * _MULTIPLE
        return cls(side, side)

    @property
    def upright(self) -> Canvas:
        """The canvas with its long side down."""
        return Canvas(min(self.width, self.height), max(self.width, self.height))

    @property
    def lying(self) -> Canvas:
        """The canvas with its long side across."""
        return Canvas(max(self.width, self.height), min(self.width, self.height))

    def for_picture(self, width: int, height: int) -> Canvas:
        """This canvas lying or upright, whichever the picture is."""
        return self.lying if width >= height else self.upright


def fit(image: Pixels, canvas: Canvas) -> tuple[Pixels, float]:
    """The picture scaled to fit the canvas's top left corner, and the scale (canvas pixels for each picture pixel)."""
    height, width = image.shape[:2]
    scale = min(canvas.width / width, canvas.height / height)
    size = scaled_size(width, height, scale)
    placed = np.zeros((canvas.height, canvas.width, 3), dtype=np.uint8)
    placed[: size[1], : size[0]] = cv2.resize(_halved(image, scale), size, interpolation=cv2.INTER_LINEAR)
    return placed, scale


def fit_turned(image: Pixels, canvas: Canvas, degrees: int) -> tuple[Pixels, Affine]:
    """The picture turned counter-clockwise and scaled to fit the canvas, and the way from canvas pixels back.

    A quarter turn is exact, on the canvas lying or upright as the turned picture is; any other angle wants a square
    canvas, and leaves its corners black.
    """
    height, width = image.shape[:2]
    quarters, rest = divmod(degrees, 90)
    if rest == 0:
        placed, scale = fit(image, canvas.for_picture(width, height))
        corners = np.array([(0, 0), (1, 0), (0, 1)], dtype=np.float64)
        origin, across, down = turn_back(corners, quarters, placed.shape[1], placed.shape[0]) / scale
        back = np.stack([across - origin, down - origin, origin], axis=1)
        return np.ascontiguousarray(np.rot90(placed, quarters)), back
    turn = np.deg2rad(degrees)
    wide = width * abs(np.cos(turn)) + height * abs(np.sin(turn))
    high = width * abs(np.sin(turn)) + height * abs(np.cos(turn))
    scale = min(canvas.width / wide, canvas.height / high)
    there = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale), dtype=np.float64)
    there[:, 2] = there[:, 2] + np.array([canvas.width - width, canvas.height - height]) / 2
    back = np.asarray(cv2.invertAffineTransform(there), dtype=np.float64)
    return _warped(image, there, canvas, scale), back


def way_to(canvas: Canvas, middle: tuple[float, float], degrees: float, scale: float) -> Affine:
    """The way from the picture to a canvas with `middle` in its middle, turned counter-clockwise."""
    there = np.asarray(cv2.getRotationMatrix2D(middle, degrees, scale), dtype=np.float64)
    there[:, 2] = there[:, 2] + np.array([canvas.width / 2 - middle[0], canvas.height / 2 - middle[1]])
    return there


def cut_out(image: Pixels, canvas: Canvas, middle: tuple[float, float], degrees: int, scale: float) -> Pixels:
    """The canvas filled with what lies around `middle`, turned counter-clockwise; black beyond the picture."""
    there = way_to(canvas, middle, degrees, scale)
    reach = float(np.hypot(canvas.width, canvas.height)) / 2 / scale + 1
    height, width = image.shape[:2]
    left, top = (int(np.clip(m - reach, 0, most - 1)) for m, most in zip(middle, (width, height), strict=True))
    right, bottom = (int(np.clip(m + reach + 1, 1, most)) for m, most in zip(middle, (width, height), strict=True))
    around = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    there[:, 2] = there[:, 2] + there[:, :2] @ np.array([left, top])
    return _warped(around, there, canvas, scale)


def _warped(image: Pixels, there: Affine, canvas: Canvas, scale: float) -> Pixels:
    """The canvas, on which `there` lays the picture; halved first where it shrinks much, so that nothing aliases."""
    height, width = image.shape[:2]
    small = _halved(image, scale)
    drawn = there / np.array([small.shape[1] / width, small.shape[0] / height, 1.0])
    # OpenCV counts from the middle of the first pixel, we from its corner.
    drawn[:, 2] = drawn[:, 2] + drawn[:, :2] @ np.array([0.5, 0.5]) - 0.5
    turned = cv2.warpAffine(small, drawn, (canvas.width, canvas.height), flags=cv2.INTER_LINEAR)
    return np.asarray(turned, dtype=np.uint8)


def _halved(image: Pixels, scale: float) -> Pixels:
    """The picture halved until less than a halving is left: linear scaling alone would skip pixels and alias."""
    height, width = image.shape[:2]
    factor = 1
    while scale * factor * _STEP <= 0.5 and min(height, width) // (factor * _STEP) >= 1:
        factor *= _STEP
    return image if factor == 1 else shrunk(image, (width // factor, height // factor))


def shrunk(image: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture at a smaller size (width, height), each pixel the mean of those that it stands for.

    A read-only picture is shrunk once for all who ask, as long as it is there: several detectors look at one picture.
    """
    return _shrunk(image, size) if image.flags.writeable else _SHARED.shrunk(image, size)


def _shrunk(image: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


class _Shared:
    """Read-only pictures made smaller, each kept as long as the picture that it was made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[int, tuple[int, int]], Pixels] = {}

    def shrunk(self, image: Pixels, size: tuple[int, int]) -> Pixels:
        key = id(image), size
        with self._lock:
            if key not in self._made:
                small = _shrunk(image, size)
                small.flags.writeable = False
                self._made[key] = small
                weakref.finalize(image, self._made.pop, key).atexit = False
            return self._made[key]


_SHARED: Final = _Shared()
