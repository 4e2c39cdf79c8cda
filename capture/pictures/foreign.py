"""What to say of a file that is no picture we read: by name where it is a picture of another kind. Pure."""

from __future__ import annotations

from typing import Final

STRANGE: Final = "This file is not a picture Wardlens can read. Export it as JPEG or PNG and try again."
FOREIGN: Final = "This is {} file, which Wardlens does not read. Export it as JPEG or PNG and try again."
_VIDEO: Final = "This is a video with a picture's name. Give it the ending .mp4 or .mov and try again."


def sentence_for(data: bytes) -> str:
    """One sentence that says what the file is, if it is known, and what to do."""
    if data[4:8] == b"ftyp":
        return _iso_media(data)
    for at, signature, name in _SIGNATURES:
        if data[at : at + len(signature)] == signature:
            return FOREIGN.format(name)
    return STRANGE


_SIGNATURES: Final = (
    (128, b"DICM", "a DICOM"),
    (0, b"%PDF-", "a PDF"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (0, b"8BPS", "a Photoshop"),
    (0, b"II+\0", "a BigTIFF"),
    (0, b"MM\0+", "a BigTIFF"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR"),
    (0, b"#?RADIANCE", "a Radiance HDR"),
    (0, b"FUJIFILMCCD-RAW", "a raw camera"),
)

_BRANDS: Final = {
    b"avif": "an AVIF",
    b"avis": "an AVIF",
    b"heic": "a HEIC",
    b"heix": "a HEIC",
    b"heim": "a HEIC",
    b"heis": "a HEIC",
    b"hevc": "a HEIC",
    b"hevx": "a HEIC",
    b"mif1": "a HEIC",
    b"msf1": "a HEIC",
    b"crx ": "a raw camera",
}
"""ISO/IEC 23008-12 (HEIF) annex B and its kin; `mif1` and `msf1` say only that it is one, so the others go first."""

_MOST_BRANDS: Final = 32


def _iso_media(data: bytes) -> str:
    """By the major brand and the compatible ones (ISO/IEC 14496-12, 4.3); none of them a picture's makes it a video."""
    end = min(int.from_bytes(data[:4], "big"), 16 + 4 * _MOST_BRANDS)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
    named = next((name for brand, name in _BRANDS.items() if brand in brands), None)
    return _VIDEO if named is None else FOREIGN.format(named)
