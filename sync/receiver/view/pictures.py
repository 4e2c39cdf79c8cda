"""Pictures small enough for a list, made by the JPEG's own scaling where the library for it is installed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

try:
    import simplejpeg
except ImportError:  # a hospital server without it sends the picture as it is, and the browser scales it
    simplejpeg = None

QUALITY: Final = 82
MOST: Final = 256
WIDTHS: Final = (240, 480, 1280)
"""The widths there are: a caller's number is rounded up to one, so that nobody fills the memory with sizes."""


class Thumbnails:
    """The last few hundred small pictures that were asked for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def kept(self, digest: str, width: int) -> bytes | None:
        """The small picture, if it was made before."""
        with self._lock:
            small = self._kept.get((digest, width))
            if small is not None:
                self._kept.move_to_end((digest, width))
            return small

    def make(self, digest: str, width: int, jpeg: bytes) -> bytes:
        """`jpeg` at about `width` pixels across, never larger than it is."""
        small = scaled(jpeg, width)
        with self._lock:
            self._kept[digest, width] = small
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return small


def width_for(asked: int) -> int | None:
    """The width that is made for one that was asked for; None where the picture itself is wanted."""
    return next((width for width in WIDTHS if asked <= width), None)


def scaled(jpeg: bytes, width: int) -> bytes:
    """`jpeg` scaled by its own transform to the smallest eighth that is at least `width` across."""
    if simplejpeg is None:
        return jpeg
    try:
        _, across, _, _ = simplejpeg.decode_jpeg_header(jpeg)
        if across <= width:
            return jpeg
        pixels = simplejpeg.decode_jpeg(jpeg, "RGB", fastdct=True, fastupsample=True, min_width=width, min_height=1)
        return bytes(simplejpeg.encode_jpeg(pixels, quality=QUALITY, colorspace="RGB"))
    except ValueError:
        # Not for this page to judge: the browser gets what was filed, and shows it or says that it cannot.
        return jpeg
