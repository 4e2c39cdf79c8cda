"""Barcodes and matrix codes: what can be decoded, and what only looks like one, because a phone may read it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from inference.canvas import Canvas, way_to
from inference.detectors.modules import busy_places
from inference.detectors.paper import papers_around
from inference.detectors.quads import grow_quad, grow_sides
from inference.geometry import scaled_size
from inference.picture import Kind, Pixels, Polygon, Region

MODEL: Final = "zxing-cpp"
LOCATOR: Final = "opencv-locator"
DECODED: Final = 1.0
DAMAGED: Final = 0.6
"""Score of a code whose structure was found but whose content did not check."""
LOCATED: Final = 0.5
"""Score of what only looks like a code."""

_MARGIN: Final = 1.25
_LINEAR: Final = frozenset(zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.AllLinear])))
_LOCATE_SIDE: Final = 1000
_DARK: Final = 128
"""A picture whose brightest value is less is dark."""
_ENLARGED: Final = (2, 3)
_SLANTS: Final = (22.5, 45.0, 67.5)
_MIDDLE_GREY: Final = 128

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A code that was read.

    Attributes:
        format: the symbology, as zxing-cpp names it.
        text: its content; never logged, so it is not in the repr.
        polygon: its corners in pixels of the picture.
    """

    format: str
    text: str = field(repr=False)
    polygon: Polygon


class CodeDetector:
    """Finds codes in the picture scaled so that its long side has at most `side` pixels.

    Where it is to find `slanted` ones, it also looks at the picture turned by 22, 45 and 67 degrees.
    """

    name: Final = "code"
    kinds: Final = frozenset({Kind.CODE})

    def __init__(
        self, *, side: int, locate: bool, thorough: bool = True, papers: bool = False, slanted: bool = False
    ) -> None:
        self.models: Mapping[str, str] = {}
        self._side = side
        self._locate = locate
        self._thorough = thorough
        self._papers = papers
        self._slanted = slanted

    def prepare(self) -> None:
        """Nothing to warm."""

    def detect(self, image: Pixels) -> list[Region]:
        """Each code with a margin, and the papers that they stand on if wanted; score DECODED, DAMAGED or LOCATED."""
        grey, scale = _grey(image, self._side)
        regions = [
            Region(Kind.CODE, _polygon(_cover_of(found, grey), scale), _score_of(found), MODEL)
            for found in _read(grey, thorough=self._thorough)
        ]
        if self._slanted:
            regions += [Region(Kind.CODE, _polygon(quad, scale), score, MODEL) for quad, score in _slanted_codes(grey)]
        if self._thorough:
            regions += [Region(Kind.CODE, polygon, DECODED, MODEL) for polygon in _small_codes(image, grey, scale)]
        if self._locate:
            small, small_scale = _grey(image, _LOCATE_SIDE)
            regions += [
                Region(Kind.CODE, _polygon(grow_quad(quad, _MARGIN), small_scale), LOCATED, LOCATOR)
                for quad in _located(small)
            ]
        return regions + papers_around(image, regions) if self._papers else regions


def read_codes(image: Pixels, *, side: int) -> list[Decoded]:
    """The codes in the picture that can be read, each with its content."""
    grey, scale = _grey(image, side)
    return [
        Decoded(str(found.format), found.text, _polygon(_quad(found), scale))
        for found in _read(grey, thorough=True)
        if found.valid
    ]


def scan_codes(image: Pixels, *, side: int) -> list[Decoded]:
    """The same of a picture that somebody holds a code to: what is not read as it lies is looked at doubled and turned.

    Small bars and modules are read once they are enlarged. Bars are read along rows, columns and a few degrees beside
    them, and a badge hangs as it hangs.
    """
    grey, scale = _grey(image, side)
    for seen, back, thorough in _held_looks(grey, side):
        found = [one for one in _read(seen, thorough=thorough) if one.valid]
        if found:
            places = [_polygon(_quad(one) @ back[:, :2].T + back[:, 2], scale) for one in found]
            return [Decoded(str(one.format), one.text, place) for one, place in zip(found, places, strict=True)]
    return []


def _held_looks(grey: Grey, side: int) -> Iterator[tuple[Grey, NDArray[np.float64], bool]]:
    """The picture as it lies, doubled where `side` has room for that, and turned; each with the way back from it."""
    yield grey, np.eye(2, 3), True
    if 2 * max(grey.shape) <= side:
        doubled = cv2.resize(grey, (2 * grey.shape[1], 2 * grey.shape[0]), interpolation=cv2.INTER_CUBIC)
        yield np.asarray(doubled, np.uint8), np.eye(2, 3) / 2, True
    for degrees in _SLANTS:
        turned, back = _turned(grey, degrees)
        yield turned, back, False


def _read(grey: Grey, *, thorough: bool) -> list[zxingcpp.Barcode]:
    return list(
        zxingcpp.read_barcodes(grey, try_rotate=True, try_downscale=thorough, try_invert=thorough, return_errors=True)
    )


def _small_codes(image: Pixels, grey: Grey, scale: float) -> Iterator[Polygon]:
    """The cover of each code that is read only once it is enlarged; `grey` is the picture at `scale`."""
    for left, top, right, bottom in busy_places(grey):
        x0, y0, x1, y1 = (round(side / scale) for side in (left, top, right, bottom))
        for factor in _ENLARGED:
            size = ((right - left) * factor, (bottom - top) * factor)
            part, _ = _grey(np.asarray(cv2.resize(image[y0:y1, x0:x1], size, interpolation=cv2.INTER_CUBIC), np.uint8))
            read = zxingcpp.read_barcodes(part)
            for found in read:
                yield _polygon(_cover_of(found, part) / factor + (left, top), scale)
            if read:
                break


def _slanted_codes(grey: Grey) -> Iterator[tuple[NDArray[np.float64], float]]:
    """The cover of each code in the picture turned, with its score.

    Bars are read along rows and columns, and a few degrees beside them: PDF417 up to 12. Matrices are found as
    they lie, so one that cannot be read turned either is none: a turned picture's edges look like a Data Matrix.
    """
    for degrees in _SLANTS:
        turned, back = _turned(grey, degrees)
        for found in _read(turned, thorough=False):
            if found.valid or found.format in _LINEAR or found.symbology == zxingcpp.BarcodeFormat.PDF417:
                yield _cover_of(found, turned) @ back[:, :2].T + back[:, 2], _score_of(found)


def _turned(grey: Grey, degrees: float) -> tuple[Grey, NDArray[np.float64]]:
    """The whole picture turned counter-clockwise, grey around it, and the way back from its pixels."""
    height, width = grey.shape
    room = Canvas.around(width, height)
    there = way_to(room, (width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(grey, there, (room.width, room.height), borderValue=_MIDDLE_GREY)
    return np.asarray(turned, np.uint8), np.asarray(cv2.invertAffineTransform(there), np.float64)


def _score_of(found: zxingcpp.Barcode) -> float:
    return DECODED if found.valid else DAMAGED


def _cover_of(found: zxingcpp.Barcode, grey: Grey) -> NDArray[np.float64]:
    quad = _quad(found)
    if found.format in _LINEAR:
        quad = grow_sides(quad, grey)
    return grow_quad(quad, _MARGIN)


def _quad(found: zxingcpp.Barcode) -> NDArray[np.float64]:
    place = found.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return np.array([(corner.x, corner.y) for corner in corners], dtype=np.float64)


def _located(grey: Grey) -> list[NDArray[np.float64]]:
    quads: list[NDArray[np.float64]] = []
    for locator in (cv2.barcode.BarcodeDetector().detectMulti, cv2.QRCodeDetector().detectMulti):
        found, corners = locator(grey)
        if found and corners is not None:
            quads += list(np.asarray(corners, dtype=np.float64).reshape(-1, 4, 2))
    return [quad for quad in quads if np.isfinite(quad).all() and cv2.contourArea(quad.astype(np.float32)) > 0]


def _grey(image: Pixels, side: float = math.inf) -> tuple[Grey, float]:
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1.0:
        size = scaled_size(width, height, scale)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    return _lit(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)), scale


def _lit(grey: Grey) -> Grey:
    """The picture with its values spread where all of it is dark: readers and locators ask for contrast.

    On such a picture OpenCV's locator of QR codes does not just miss them, it raises (5.0.0, kmeans of no points).
    """
    darkest, brightest, _, _ = cv2.minMaxLoc(grey)
    if not darkest < brightest < _DARK:
        return grey
    spread = 255 / (brightest - darkest)
    return np.asarray(cv2.convertScaleAbs(grey, alpha=spread, beta=-darkest * spread), np.uint8)


def _polygon(quad: NDArray[np.float64], scale: float) -> Polygon:
    return tuple((float(x), float(y)) for x, y in quad / scale)
