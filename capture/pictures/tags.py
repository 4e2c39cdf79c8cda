"""TIFF directories, which also are what EXIF is made of: the few integer tags that matter, read with bounds.

Pure. TIFF 6.0, section 2; EXIF is CIPA DC-008. A directory that is cut, strange or of more than 512 entries ends the
reading; it is never an error here, because a broken EXIF block must not hide a picture.
"""

from __future__ import annotations

import struct
from typing import Final

_MOST_PAGES: Final = 16
_MOST_ENTRIES: Final = 512
_INTEGERS: Final = {1: "B", 3: "H", 4: "I"}
_ORIENTATION: Final = 274


def read_tiff(data: bytes) -> list[dict[int, int]]:
    """The first value of each integer tag, a dict a directory, at most 16 directories; empty when there is none."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return []
    pages: list[dict[int, int]] = []
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        while at and at not in seen and len(pages) < _MOST_PAGES:
            seen.add(at)
            page, at = _directory(data, order, at)
            pages.append(page)
    except struct.error:
        return pages
    return pages


def _directory(data: bytes, order: str, at: int) -> tuple[dict[int, int], int]:
    """One directory, and where the next one starts (0 for none)."""
    (count,) = struct.unpack_from(order + "H", data, at)
    if count > _MOST_ENTRIES:
        raise struct.error("more entries than any directory has")
    page: dict[int, int] = {}
    for entry in range(count):
        tag, kind, values = struct.unpack_from(order + "HHI", data, at + 2 + 12 * entry)
        letter = _INTEGERS.get(kind)
        if letter is None or values == 0:
            continue
        place = at + 10 + 12 * entry
        if struct.calcsize(letter) * values > 4:  # too long to stand in the entry itself
            (place,) = struct.unpack_from(order + "I", data, place)
        (page[tag],) = struct.unpack_from(order + letter, data, place)
    (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    return page, int(following)


def exif_orientation(block: bytes) -> int:
    """The orientation an EXIF block states, 1 to 8; 1 where it states none that is legal."""
    pages = read_tiff(block)
    orientation = pages[0].get(_ORIENTATION, 1) if pages else 1
    return orientation if orientation in range(1, 9) else 1


def without_orientation(data: bytes) -> bytes:
    """The same TIFF with every orientation that its first directory states set to 1, so that nobody turns it twice.

    Only of what :func:`read_tiff` found a directory in.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return data
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    plain = bytearray(data)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, _ = struct.unpack_from(order + "HHI", data, entry)
        if tag == _ORIENTATION and kind in _INTEGERS:
            struct.pack_into(order + _INTEGERS[kind], plain, entry + 8, 1)
    return bytes(plain)
