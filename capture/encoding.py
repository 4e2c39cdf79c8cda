"""A de-identified picture becomes a JPEG, and nothing else can.

Only :class:`~inference.picture.Photo` and :class:`~inference.picture.LiveView` are taken: a Frame is a type error for
mypy and a TypeError at run time. The encoder writes what it was given and no more: no EXIF, no thumbnail, no comment,
nothing after the end marker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2

from capture.errors import PictureUnreadable
from inference.picture import LiveView, Photo, Pixels

try:
    import simplejpeg
except ImportError:  # no wheel for this machine: OpenCV writes JPEG too, more slowly
    simplejpeg = None

STILL_QUALITY: Final = 92
LIVE_QUALITY: Final = 75


WEBP_SIDE: Final = 16_383
"""Pixels that a side of a WebP picture has at most (RFC 9649, section 2.6)."""


@dataclass(frozen=True, slots=True)
class JpegPhoto:
    """A de-identified picture as JPEG bytes.

    Attributes:
        data: one baseline JPEG.
        width, height: pixels.
    """

    data: bytes
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.data)


def encode_jpeg(picture: Photo | LiveView, *, quality: int = STILL_QUALITY, width: int | None = None) -> JpegPhoto:
    """`picture` as a JPEG; shrunk to at most `width` pixels across where one is given, never enlarged.

    Stills keep full colour resolution up to the encoder (4:4:4 from quality 90): wound colour is what they are for.

    Raises:
        TypeError: anything but a Photo or a LiveView. Raw pixels cannot be encoded.
        ValueError: a quality outside 1..100 or a width below 1.
    """
    if type(picture) not in (Photo, LiveView):
        raise TypeError(f"only a Photo or a LiveView can be encoded, not a {type(picture).__name__}")
    if not 1 <= quality <= 100:
        raise ValueError("JPEG quality lies in 1..100")
    if width is not None and width < 1:
        raise ValueError("a picture is at least one pixel wide")
    pixels = _shrunk(picture.pixels, width)
    return JpegPhoto(_jpeg(pixels, quality), int(pixels.shape[1]), int(pixels.shape[0]))


def encode_like(photo: Photo, suffix: str, *, quality: int = STILL_QUALITY) -> bytes:
    """`photo` in the format that the file name ending `suffix` stands for; JPEG for one that is not written.

    PNG, TIFF, BMP and WebP are written without loss.

    Raises:
        TypeError: anything but a Photo.
        PictureUnreadable: it has more pixels a side than the format holds.
    """
    flags = _LOSSLESS.get(suffix.lower())
    if flags is None:
        return encode_jpeg(photo, quality=quality).data
    if type(photo) is not Photo:
        raise TypeError(f"only a Photo can be encoded, not a {type(photo).__name__}")
    if suffix.lower() == ".webp" and max(photo.width, photo.height) > WEBP_SIDE:
        raise PictureUnreadable("A WebP picture has at most 16,383 pixels a side. Name it .png or .jpg and try again.")
    return _opencv(suffix.lower(), photo.pixels, flags)


def written_suffix(suffix: str) -> str:
    """The file name ending under which :func:`encode_like` should be kept: the same, or ".jpg"."""
    return suffix if suffix.lower() in _LOSSLESS or suffix.lower() in (".jpg", ".jpeg") else ".jpg"


_LOSSLESS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        ".bmp": (),
        ".png": (cv2.IMWRITE_PNG_COMPRESSION, 3),
        ".tif": (),
        ".tiff": (),
        ".webp": (cv2.IMWRITE_WEBP_QUALITY, 101),  # above 100 is OpenCV's word for lossless
    }
)


def _shrunk(pixels: Pixels, width: int | None) -> Pixels:
    if width is None or width >= pixels.shape[1]:
        return pixels
    height = max(1, round(pixels.shape[0] * width / pixels.shape[1]))
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    if simplejpeg is not None:
        sampling = "444" if quality >= 90 else "420"
        return bytes(simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling=sampling))
    sampling_flag = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if quality >= 90 else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    flags = (cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling_flag)
    return _opencv(".jpg", pixels, flags)


def _opencv(suffix: str, pixels: Pixels, flags: Sequence[int]) -> bytes:
    done, encoded = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), flags)
    if not done:
        raise RuntimeError(f"the {suffix} encoder gave nothing")
    return encoded.tobytes()
