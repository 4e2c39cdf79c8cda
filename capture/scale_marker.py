"""A scale in view: our own printed card, by which a picture says how many of its pixels are a millimetre. Pure.

The card has two squares of the ArUco kind (Garrido-Jurado 2014) of known size and distance, and between them a ruler
for people. A ruler of another kind is not noticed: nothing on it says where a millimetre begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels

SQUARE_MM: Final = 10.0
APART_MM: Final = 70.0
"""Between the middles of the two squares."""
IDS: Final = (17, 42)
"""The left and the right square, in the dictionary below."""
CARD_MM: Final = (90.0, 26.0)
LOOK_AT: Final = 1280
"""The picture is looked at with a long side of about so many pixels."""
MOST_SLANT: Final = 0.05
"""How much the card's millimetres may differ from each other before it lies too aslant to say how large they are."""
LEAST_PIXELS: Final = 16
"""A square with a shorter side is too small to measure by."""

_DICTIONARY: Final = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_50)
_MODULES: Final = 7
"""Of a square: five, and a dark one on each side."""
_MARGIN_MM: Final = (CARD_MM[0] - APART_MM - SQUARE_MM) / 2
_TOP_MM: Final = 4.0
_RULER_MM: Final = (20.0, 50)
"""Where the ruler begins, and how many millimetres it has."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Whether the card is in view.

    Attributes:
        seen: both of its squares are.
        pixels_per_mm: of the picture, in the plane in which the card lies; None where it lies aslant or is too small.
    """

    seen: bool = False
    pixels_per_mm: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As in the capture manifest."""
        return {"seen": self.seen, "pixels_per_mm": self.pixels_per_mm}


def look_for_marker(pixels: Pixels) -> Marker:
    """Whether the card is in this picture (H×W×3 uint8 RGB), and its scale."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    times = max(1, min(round(max(grey.shape) / LOOK_AT), *grey.shape))  # whole, which is three times as quick
    if times > 1:
        height, width = (side // times for side in grey.shape)
        grey = cv2.resize(grey[: height * times, : width * times], (width, height), interpolation=cv2.INTER_AREA)
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    try:
        corners, ids, _ = cv2.aruco.ArucoDetector(_DICTIONARY, settings).detectMarkers(grey)
    except cv2.error:  # a scale is worth no picture
        return Marker()
    found = [] if ids is None else [int(one) for one in ids.ravel()]
    if any(found.count(one) != 1 for one in IDS):
        return Marker()
    left, right = (np.asarray(corners[found.index(one)], np.float64).reshape(4, 2) * times for one in IDS)
    return Marker(seen=True, pixels_per_mm=_scale(left, right))


def _scale(left: NDArray[np.float64], right: NDArray[np.float64]) -> float | None:
    """Pixels a millimetre, where every side of both squares and their distance agree on it."""
    sides = [float(np.linalg.norm(square[place] - square[place - 1])) for square in (left, right) for place in range(4)]
    if min(sides) < LEAST_PIXELS:
        return None
    along = float(np.linalg.norm(right.mean(axis=0) - left.mean(axis=0))) / APART_MM
    if any(abs(side / SQUARE_MM / along - 1) > MOST_SLANT for side in sides):
        return None
    return round(along, 3)


def marker_svg() -> str:
    """The card as an SVG of its true size, to be printed at 100 %."""
    width, height = CARD_MM
    boxes = "".join(f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}"/>' for x, y, w, h in marker_boxes())
    start, length = _RULER_MM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" '
        f'viewBox="0 0 {width:g} {height:g}">'
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/><g fill="#000">{boxes}</g>'
        f'<text x="{start + length / 2:g}" y="{height - 4:g}" font-family="sans-serif" font-size="3" '
        f'text-anchor="middle">Wardlens scale: print at 100 %; the ruler is {length} mm long.</text></svg>\n'
    )


def marker_boxes() -> Iterator[tuple[float, float, float, float]]:
    """What is black on the card: x, y, width and height in millimetres, from its top left corner."""
    module = SQUARE_MM / _MODULES
    for number, left in zip(IDS, (_MARGIN_MM, _MARGIN_MM + APART_MM), strict=True):
        bits = cv2.aruco.generateImageMarker(_DICTIONARY, number, _MODULES)
        for row, column in np.argwhere(np.asarray(bits) == 0):
            yield left + column * module, _TOP_MM + row * module, module, module
    start, length = _RULER_MM
    for mm in range(length + 1):
        yield start + mm - 0.075, _TOP_MM, 0.15, 8.0 if mm % 10 == 0 else 5.5 if mm % 5 == 0 else 3.5
