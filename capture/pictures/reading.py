"""Bytes become upright RGB pixels.

Grey becomes RGB, 16 bits a channel become 8 (the upper ones). A transparent picture is laid on white: what a viewer
shows is what is kept, and what lay hidden under transparency does not come back. Print colours (CMYK) are refused,
because without the printer's profile a wound would change its colour. Of a file that carries more than its picture (a
second view, a gain map, a thumbnail, bytes after the end) only the picture is read: docs/formats/inputs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.errors import PictureUnreadable
from capture.pictures.foreign import STRANGE
from capture.pictures.headers import TRUNCATED, Format, read_header
from capture.pictures.tags import without_orientation
from inference.picture import Pixels

try:
    import simplejpeg
except ImportError:  # no wheel for this machine: OpenCV reads JPEG too, at half the speed
    simplejpeg = None

# What OpenCV would print of a broken file is said by our own sentence.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

LIMIT_MEGAPIXELS: Final = 64.0
"""Above any camera on a ward, and 192 MB as pixels."""

SMALLEST_SIDE: Final = 16
"""Below this nothing can be recognised, neither an identifier nor a wound."""

LONGEST_SIDE: Final = 32_000
"""The fill is drawn with coordinates that end a little above this."""

LONGEST_SHAPE: Final = 8.0
"""Longest side to shortest: a longer picture is shrunk so much before it is looked at that no face would be left."""

PICTURE_SUFFIXES: Final = frozenset(
    {".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
)
FOREIGN_SUFFIXES: Final = frozenset(
    {".arw", ".avif", ".cr2", ".cr3", ".dcm", ".dng", ".gif", ".heic", ".heif", ".hif", ".jp2", ".jxl", ".nef", ".psd"}
)
"""Names of pictures that are not read: a folder's are refused one by one, so that nobody takes them for done."""


def read_picture(data: bytes, *, limit_megapixels: float = LIMIT_MEGAPIXELS) -> Pixels:
    """The picture in `data` as H×W×3 uint8 RGB, upright (EXIF orientation applied, then gone with all metadata).

    Raises:
        PictureUnreadable: with one sentence that says what to do; nothing half-decoded ever comes back.
    """
    header = read_header(data)
    check_size(header.width, header.height, limit_megapixels)
    pixels = _decode_jpeg(data) if header.format is Format.JPEG else _decode(data, header.format)
    if pixels.shape[:2] != (header.height, header.width):
        raise PictureUnreadable(STRANGE)
    return np.ascontiguousarray(_UPRIGHT[header.orientation](pixels))


def check_size(width: int, height: int, limit_megapixels: float, what: str = "picture") -> None:
    """Nothing, when a picture of this size, in pixels, can be worked with.

    Raises:
        PictureUnreadable: more pixels than `limit_megapixels`, too long, or too small to show anything.
    """
    megapixels = width * height / 1e6
    short, long = sorted((width, height))
    if megapixels > limit_megapixels:
        raise PictureUnreadable(
            f"This {what} has {megapixels:.0f} megapixels, and {limit_megapixels:g} is the most. "
            "Make it smaller and try again."
        )
    if short < SMALLEST_SIDE:
        raise PictureUnreadable(
            f"This {what} is only {width} × {height} pixels, too small to show anything. Use the original {what}."
        )
    if long > LONGEST_SHAPE * short or long > LONGEST_SIDE:
        raise PictureUnreadable(
            f"This {what} is {width} × {height} pixels; {LONGEST_SHAPE:g} times as long as wide, "
            f"and {LONGEST_SIDE} pixels, is the most. Cut it into parts and try again."
        )


def _decode_jpeg(data: bytes) -> Pixels:
    """libjpeg-turbo, strict: it warns where others fill the missing part with grey, and a warning is a refusal."""
    if simplejpeg is not None:
        try:
            return cast("Pixels", simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True))
        except ValueError as failed:
            if "subsampling" not in str(failed):  # unusual but legal sampling is OpenCV's to try
                raise PictureUnreadable(TRUNCATED if "remature" in str(failed) else STRANGE) from None
    return _decode(data, Format.JPEG)


def _decode(data: bytes, kind: Format) -> Pixels:
    alpha = kind in (Format.PNG, Format.WEBP, Format.TIFF)  # a BMP's fourth byte is padding to most writers
    flags = cv2.IMREAD_UNCHANGED if alpha else cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    if kind is Format.TIFF:  # OpenCV turns these by itself, whatever it is told
        data = without_orientation(data)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        decoded = None
    if decoded is None:  # damaged; the header was whole, so most often the end is missing
        raise PictureUnreadable(TRUNCATED)
    return _eight_bit_rgb(decoded) if alpha else cast("Pixels", decoded)


def _eight_bit_rgb(decoded: NDArray[Any]) -> Pixels:
    """OpenCV's H×W, H×W×3 BGR or H×W×4 BGRA, 8 or 16 bits, as RGB on white."""
    if decoded.dtype == np.uint16:
        decoded = (decoded >> 8).astype(np.uint8)
    if decoded.dtype != np.uint8:
        raise PictureUnreadable(STRANGE)
    if decoded.ndim == 2:
        return cast("Pixels", cv2.cvtColor(decoded, cv2.COLOR_GRAY2RGB))
    if decoded.shape[2] == 3:
        return cast("Pixels", cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))
    if decoded.shape[2] != 4:
        raise PictureUnreadable(STRANGE)
    rgb = cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGB).astype(np.uint16)
    opacity = decoded[:, :, 3:].astype(np.uint16)
    return ((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)


_UPRIGHT: Final[Mapping[int, Callable[[Pixels], Pixels]]] = MappingProxyType(
    {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: p.transpose(1, 0, 2)[::-1],
    }
)
"""EXIF orientation → what turns the stored pixels upright."""
