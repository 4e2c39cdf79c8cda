"""What a picture file says about itself, before anything is decoded.

Pure: bytes in, a :class:`Header` out, or :class:`~capture.errors.PictureUnreadable`. Each format's parser is one
function in one table; each reads a bounded number of bytes and steps.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from capture.errors import PictureUnreadable
from capture.pictures.foreign import FOREIGN, STRANGE, sentence_for
from capture.pictures.tags import exif_orientation, read_tiff

TRUNCATED: Final = "This picture file ends too early. Copy it again from where it came, or take the picture again."
ANIMATED: Final = "This file holds several pictures (an animation or pages). Save the one you want as JPEG or PNG."
CMYK: Final = "This picture is in print colours (CMYK), which cannot be shown truly. Save it as an RGB JPEG or PNG."
EMPTY: Final = "This file is empty. Copy it again from where it came, or take the picture again."

_MOST_PARTS: Final = 1 << 18
"""Segments or chunks that are looked at: a PNG of 64 megapixels has some ten thousand."""


class Format(StrEnum):
    """The picture formats that are read."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    TIFF = "tiff"
    BMP = "bmp"


@dataclass(frozen=True, slots=True)
class Header:
    """A picture's own account of itself.

    Attributes:
        format: what kind of file it is, by its bytes and never by its name.
        width, height: pixels as stored, before the orientation is applied.
        orientation: EXIF orientation, 1 to 8 (CIPA DC-008, 4.6.5.1.6); 1 where it has none.
    """

    format: Format
    width: int
    height: int
    orientation: int = 1

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise PictureUnreadable(STRANGE)
        if self.orientation not in range(1, 9):
            raise ValueError("an orientation lies in 1..8")


def read_header(data: bytes) -> Header:
    """The header of the picture in `data`.

    Raises:
        PictureUnreadable: not a picture of a format that is read, or one that would not come out as it is seen.
    """
    if not data:
        raise PictureUnreadable(EMPTY)
    for signature, parse in _PARSERS.items():
        if data.startswith(signature):
            try:
                return parse(data)
            except (struct.error, IndexError):
                raise PictureUnreadable(TRUNCATED) from None
    raise PictureUnreadable(sentence_for(data))


def _jpeg(data: bytes) -> Header:
    """ITU-T T.81 annex B: marker segments up to the frame header."""
    at, orientation = 2, 1
    for _ in range(_MOST_PARTS):
        if data[at] != 0xFF:
            raise PictureUnreadable(STRANGE)
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte, B.1.1.2
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers that stand alone
            at += 2
            continue
        if marker in (0xD9, 0xDA):  # end or scan before any frame header
            raise PictureUnreadable(STRANGE)
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = exif_orientation(data[at + 10 : at + 2 + length])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _jpeg_frame(data, at, marker, orientation)
        if length < 2:
            break
        at += 2 + length
    raise PictureUnreadable(STRANGE)


def _jpeg_frame(data: bytes, at: int, marker: int, orientation: int) -> Header:
    precision, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
    if components == 4:
        raise PictureUnreadable(CMYK)
    if precision != 8 or components not in (1, 3) or marker not in (0xC0, 0xC1, 0xC2):
        raise PictureUnreadable(FOREIGN.format("a lossless or 12-bit JPEG"))
    return Header(Format.JPEG, width, height, orientation)


def _png(data: bytes) -> Header:
    """PNG (ISO/IEC 15948), third edition: chunks up to IEND; acTL makes it an animation, eXIf may turn it."""
    width, height = struct.unpack_from(">II", data, 16)
    if data[12:16] != b"IHDR":
        raise PictureUnreadable(STRANGE)
    at, orientation = 8, 1
    for _ in range(_MOST_PARTS):
        length, name = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise PictureUnreadable(TRUNCATED)
        if name == b"acTL":
            raise PictureUnreadable(ANIMATED)
        if name == b"eXIf":
            orientation = exif_orientation(data[at + 8 : at + 8 + length])
        if name == b"IEND":
            return Header(Format.PNG, width, height, orientation)
        at += 12 + length
    raise PictureUnreadable(STRANGE)


def _webp(data: bytes) -> Header:
    """RFC 9649: RIFF chunks; VP8X tells animation, VP8 and VP8L the size where it is absent."""
    (size,) = struct.unpack_from("<I", data, 4)
    if data[8:12] != b"WEBP":
        raise PictureUnreadable(STRANGE)
    if size + 8 > len(data):
        raise PictureUnreadable(TRUNCATED)
    at, orientation, canvas = 12, 1, (0, 0)
    for _ in range(_MOST_PARTS):
        if at > size:
            return Header(Format.WEBP, *canvas, orientation)
        name, length = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if name == b"VP8X":
            if data[body] & 0x02:
                raise PictureUnreadable(ANIMATED)
            canvas = _u24(data, body + 4) + 1, _u24(data, body + 7) + 1
        elif name == b"VP8 " and canvas == (0, 0):
            width, height = struct.unpack_from("<HH", data, body + 6)
            canvas = width & 0x3FFF, height & 0x3FFF
        elif name == b"VP8L" and canvas == (0, 0):
            (packed,) = struct.unpack_from("<I", data, body + 1)
            canvas = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
        elif name == b"EXIF":
            orientation = exif_orientation(data[body : body + length].removeprefix(b"Exif\0\0"))
        at = body + length + (length & 1)
    raise PictureUnreadable(STRANGE)


def _u24(data: bytes, at: int) -> int:
    return int(data[at]) | data[at + 1] << 8 | data[at + 2] << 16


def _bmp(data: bytes) -> Header:
    """The file and info header; height is negative where rows run from the top."""
    (kind,) = struct.unpack_from("<I", data, 14)
    if kind == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return Header(Format.BMP, width, abs(height))


_TIFF_COLOURS: Final = frozenset({0, 1, 2, 3, 6})
"""White is zero, black is zero, RGB, palette, YCbCr."""


def _tiff(data: bytes) -> Header:
    """TIFF 6.0: the first directory; a second one that is no thumbnail makes it several pictures."""
    pages = read_tiff(data)
    if not pages:
        raise PictureUnreadable(TRUNCATED)
    if any(not page.get(254, 0) & 1 for page in pages[1:]):  # NewSubfileType bit 0: a reduced copy
        raise PictureUnreadable(ANIMATED)
    first = pages[0]
    if first.get(254, 0) & 1 or 50706 in first:  # the first is a small copy, or DNGVersion: the picture is raw
        raise PictureUnreadable(FOREIGN.format("a raw camera"))
    photometric = first.get(262, 2)  # PhotometricInterpretation
    if photometric == 5:  # separated
        raise PictureUnreadable(CMYK)
    if (
        photometric not in _TIFF_COLOURS or first.get(258, 8) not in (8, 16) or first.get(339, 1) != 1
    ):  # BitsPerSample, SampleFormat
        raise PictureUnreadable(FOREIGN.format("a scientific TIFF"))
    orientation = first.get(274, 1)
    return Header(Format.TIFF, first.get(256, 0), first.get(257, 0), orientation if orientation in range(1, 9) else 1)


def _gif(_data: bytes) -> Header:
    """A GIF has 256 colours and is most often an animation: it is never a clinical picture."""
    raise PictureUnreadable("This is a GIF, which is an animation or has too few colours. Save it as JPEG or PNG.")


_PARSERS: Final[Mapping[bytes, Callable[[bytes], Header]]] = MappingProxyType(
    {
        b"\xff\xd8\xff": _jpeg,
        b"\x89PNG\r\n\x1a\n": _png,
        b"RIFF": _webp,
        b"II*\0": _tiff,
        b"MM\0*": _tiff,
        b"BM": _bmp,
        b"GIF87a": _gif,
        b"GIF89a": _gif,
    }
)
