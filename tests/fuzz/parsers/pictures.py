"""Picture and film files: what is read of them before a decoder sees a byte, and the decoder behind it."""

from __future__ import annotations

import io
import struct
from functools import cache

import cv2
import numpy as np

from capture.errors import PictureUnreadable
from capture.pictures import read_header, read_picture
from capture.pictures.tags import exif_orientation, read_tiff, without_orientation
from capture.redact.container import check_container
from parsers.parser import Parser

_LIMIT = 0.25
"""Megapixels: large enough for every seed, small enough for a hundred thousand decodings."""


@cache
def _pictures() -> tuple[bytes, ...]:
    rgb = np.random.default_rng(1).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    grey_alpha = np.dstack([rgb, rgb[:, :, :1]])
    jpeg = _encoded(".jpg", rgb)
    return (
        jpeg,
        _with_exif(jpeg),
        _with_exif(jpeg) + jpeg,  # MPO: a second picture behind the first
        _encoded(".jpg", rgb, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        _encoded(".png", rgb),
        _encoded(".png", grey_alpha),
        _encoded(".png", rgb.astype(np.uint16) << 8),
        _encoded(".tiff", rgb),
        _encoded(".bmp", rgb),
        _encoded(".webp", rgb),
        _encoded(".webp", grey_alpha, (cv2.IMWRITE_WEBP_QUALITY, 101)),
    )


def _encoded(ending: str, pixels: np.ndarray, flags: tuple[int, ...] = ()) -> bytes:
    done, data = cv2.imencode(ending, pixels, flags)
    assert done
    return data.tobytes()


def _exif(order: str = "<", orientation: int = 6) -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def _with_exif(jpeg: bytes) -> bytes:
    body = b"Exif\0\0" + _exif()
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _foreign() -> list[bytes]:
    """Files of other kinds, each refused by name."""
    heic = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic")
    return [heic, b"GIF89a" + bytes(20), b"%PDF-1.7", bytes(128) + b"DICM", b"II+\0" + bytes(20)]


def _tags(data: bytes) -> None:
    orientation = exif_orientation(data)
    assert 1 <= orientation <= 8
    for page in read_tiff(data):
        assert all(type(value) is int for value in page.values())


def _turned_once(data: bytes) -> bytes:
    """A TIFF whose header is read can have its orientation taken off."""
    read_header(data)
    return without_orientation(data)


def _tiffs() -> list[bytes]:
    """Also a first directory of 600 entries, of which the last that is looked at is cut in its value."""
    many = struct.pack("<4sIH", b"II*\0", 8, 600)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, 32) for tag in (256, 257))
    rest = struct.pack("<HHII", 274, 3, 0, 1) * 509
    return [_pictures()[7], _exif() + bytes(64), many + entries + rest + struct.pack("<HHI", 274, 3, 0)]


def _pixels(data: bytes) -> None:
    pixels = read_picture(data, limit_megapixels=_LIMIT)
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert pixels.flags.c_contiguous


def _films() -> list[bytes]:
    mp4 = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + struct.pack(">I4s", 8, b"moov")
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 4) + b"data" + struct.pack(">I4s", 0, b"moov")
    mkv = b"\x1a\x45\xdf\xa3\x84abcd\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff body"
    avi = b"RIFF" + struct.pack("<I", 8) + b"AVI LIST"
    return [mp4, mp4 + large, large, mkv, avi]


PARSERS = (
    Parser(
        "picture-header",
        ("capture.pictures.headers.read_header",),
        lambda: [*_pictures(), *_foreign()],
        read_header,
        (PictureUnreadable,),
    ),
    Parser(
        "picture-tags",
        ("capture.pictures.tags.read_tiff",),
        lambda: [_exif(), _exif(">", 3), *_tiffs()],
        _tags,
    ),
    Parser("picture-tiff", (), _tiffs, _turned_once, (PictureUnreadable,)),
    Parser(
        "picture", ("capture.pictures.reading.read_picture",), lambda: [*_pictures()], _pixels, (PictureUnreadable,)
    ),
    Parser(
        "film-container",
        ("capture.redact.container.check_container",),
        _films,
        lambda data: check_container(io.BytesIO(data), len(data)),
        (PictureUnreadable,),
    ),
)
