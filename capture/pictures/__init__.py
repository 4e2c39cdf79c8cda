"""Picture files become upright RGB pixels, or are refused with one sentence that says what to do.

The header is read first, by our own bounded parsers: format, size, colour and orientation are known, and too large,
animated or untrustworthy pictures refused, before any decoder sees a byte. All metadata ends here: only pixels leave.
"""

from capture.pictures.headers import Header, read_header
from capture.pictures.reading import (
    FOREIGN_SUFFIXES,
    LIMIT_MEGAPIXELS,
    PICTURE_SUFFIXES,
    check_size,
    read_picture,
)
from inference.picture import Pixels

__all__ = [
    "FOREIGN_SUFFIXES",
    "LIMIT_MEGAPIXELS",
    "PICTURE_SUFFIXES",
    "Header",
    "Pixels",
    "check_size",
    "read_header",
    "read_picture",
]
