"""Whether a phone could still read the codes in a picture: zxing-cpp or OpenCV, whichever does. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from inference.picture import Pixels

Middle = tuple[float, float]
"""x and y of a code's middle in pixels of the picture."""

_DOUBLED_TO: Final = 4_000_000
"""Pictures of up to so many pixels are also read doubled: a small code is only read large."""

_Grey = NDArray[np.uint8]


def readable_codes(pixels: Pixels, *, thorough: bool) -> list[Middle]:
    """The middle of every code that can be read, once a reader; OpenCV's readers and a doubled picture if thorough."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    found = list(_zxing(grey, 1))
    if thorough:
        found += _opencv(grey)
        if grey.size <= _DOUBLED_TO:
            found += _zxing(np.asarray(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8), 2)
    return found


def _zxing(grey: _Grey, scale: int) -> Iterator[Middle]:
    for code in zxingcpp.read_barcodes(grey):
        place = code.position
        corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
        yield sum(corner.x for corner in corners) / 4 / scale, sum(corner.y for corner in corners) / 4 / scale


def _opencv(grey: _Grey) -> Iterator[Middle]:
    for reader in (cv2.QRCodeDetector(), cv2.barcode.BarcodeDetector()):
        try:
            _, texts, corners, *_ = reader.detectAndDecodeMulti(grey)
        except cv2.error:  # OpenCV 5.0.0 gives up on dark pictures: it reads nothing there
            continue
        if corners is not None:
            for text, quad in zip(texts, np.asarray(corners).reshape(-1, 4, 2), strict=True):
                if text:
                    yield float(quad[:, 0].mean()), float(quad[:, 1].mean())
