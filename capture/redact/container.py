"""What a video file's outermost boxes say, before any decoder sees it: that it is a video we read, and whole.

Reads some bytes of each top-level box and nothing within. ISO/IEC 14496-12 4.2 (MP4, MOV), RFC 8794 (Matroska, WebM),
and RIFF (AVI). A decoder plays a cut file up to the cut and says nothing; the boxes say how long the file should be.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from capture.errors import PictureUnreadable

NO_VIDEO: Final = "This is no video that Wardlens can read. Export it as MP4 and try again."
CUT: Final = "This video ends too early. Copy it again from where it came, or export it as MP4 and try again."

_MP4_FIRST: Final = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_EBML: Final = b"\x1a\x45\xdf\xa3"
_SEGMENT: Final = b"\x18\x53\x80\x67"
_MOST_BOXES: Final = 1 << 20


def check_container(file: BinaryIO, length: int) -> None:
    """Nothing, when the `length` bytes of `file` are a whole MP4, MOV, Matroska, WebM or AVI.

    Raises:
        PictureUnreadable: anything else, or one whose end is missing.
    """
    file.seek(0)
    head = file.read(16)
    try:
        if head[4:8] in _MP4_FIRST:
            _check_mp4(file, length)
        elif head.startswith(_EBML):
            _check_matroska(file, length)
        elif head.startswith(b"RIFF") and head[8:12] == b"AVI ":
            (size,) = struct.unpack_from("<I", head, 4)
            if size == 0 or 8 + size > length:  # 0: the recording was never finished
                raise PictureUnreadable(CUT)
        else:
            raise PictureUnreadable(NO_VIDEO)
    except struct.error:
        raise PictureUnreadable(CUT) from None


def _check_mp4(file: BinaryIO, length: int) -> None:
    at, found = 0, set()
    for _ in range(_MOST_BOXES):
        if at + 8 > length:
            break
        file.seek(at)
        size, name = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        elif size == 0:  # up to the end
            size = length - at
        if size < 8 or at + size > length:
            raise PictureUnreadable(CUT)
        found.add(name)
        at += size
    if b"moov" not in found:  # written last by most cameras: without it the recording was never finished
        raise PictureUnreadable(CUT)


def _check_matroska(file: BinaryIO, length: int) -> None:
    size, at = _element_size(file, 4)
    at += size
    file.seek(at)
    if file.read(4) != _SEGMENT:
        raise PictureUnreadable(CUT if at + 4 > length else NO_VIDEO)
    size, at = _element_size(file, at + 4)
    if at + size > length:
        raise PictureUnreadable(CUT)


def _element_size(file: BinaryIO, at: int) -> tuple[int, int]:
    """An EBML element's size and where its body begins; 0 for a size that is not known, as in a live recording."""
    file.seek(at)
    (first,) = struct.unpack("B", file.read(1))
    width = 9 - first.bit_length()
    if width > 8:
        raise PictureUnreadable(NO_VIDEO)
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        raise PictureUnreadable(CUT)
    value = int.from_bytes(bytes([first & (0xFF >> width)]) + rest, "big")
    unknown = value == (1 << 7 * width) - 1
    return (0 if unknown else value), at + width
