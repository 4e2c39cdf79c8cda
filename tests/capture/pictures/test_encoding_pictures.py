"""What may be encoded, and that nothing but its pixels is in the result."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from capture.encoding import encode_jpeg, encode_like, written_suffix
from capture.pictures import read_picture
from inference import Deidentifier, Frame

PIXELS = np.random.default_rng(3).integers(0, 255, (64, 96, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def deidentifier():
    return Deidentifier(still=[], live=[], second_look=[], threads=1)


@pytest.fixture(scope="module")
def photo(deidentifier):
    return deidentifier.still(Frame(PIXELS, 0))


@pytest.fixture(scope="module")
def live_view(deidentifier):
    return deidentifier.live(Frame(PIXELS, 0))


def segments(jpeg):
    """The markers of a JPEG up to its scan, and what comes after its end marker."""
    at, markers = 2, []
    while True:
        marker = jpeg[at + 1]
        (length,) = struct.unpack_from(">H", jpeg, at + 2)
        markers.append((marker, jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == 0xDA:
            return markers, jpeg[jpeg.index(b"\xff\xd9", at) + 2 :]


@pytest.mark.parametrize("quality", [60, 92])
def test_the_output_holds_pixels_and_no_metadata_thumbnail_or_trailing_bytes(photo, quality):
    markers, trailing = segments(encode_jpeg(photo, quality=quality).data)
    kinds = [marker for marker, _ in markers]
    assert not [marker for marker in kinds if 0xE1 <= marker <= 0xEF or marker == 0xFE]
    ((_, jfif),) = [(marker, body) for marker, body in markers if marker == 0xE0]
    assert jfif.startswith(b"JFIF\0")
    assert jfif[-2:] == b"\0\0", "no thumbnail"
    assert trailing == b""


def test_opencvs_fallback_is_as_bare(photo, monkeypatch):
    monkeypatch.setattr("capture.encoding.simplejpeg", None)
    markers, trailing = segments(encode_jpeg(photo).data)
    assert {marker for marker, _ in markers} & (set(range(0xE1, 0xF0)) | {0xFE}) == set()
    assert trailing == b""


def test_raw_pixels_cannot_be_encoded():
    frame = Frame(PIXELS, 0)
    for wrong in (frame, PIXELS, None):
        with pytest.raises(TypeError, match="can be encoded"):
            encode_jpeg(wrong)
        with pytest.raises(TypeError, match="can be encoded"):
            encode_like(wrong, ".png")
    with pytest.raises(TypeError, match="never leaves memory"):
        pickle.dumps(frame)


def test_a_live_view_is_no_still_to_keep(live_view):
    with pytest.raises(TypeError):
        encode_like(live_view, ".png")


def test_encoding_a_frame_is_a_type_error_for_mypy(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from capture.encoding import encode_jpeg\n"
        "from inference.picture import Frame, LiveView, Photo\n"
        "def right(photo: Photo, live: LiveView) -> None:\n"
        "    encode_jpeg(photo), encode_jpeg(live)\n"
        "def wrong(frame: Frame) -> None:\n"
        "    encode_jpeg(frame)\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(wrong)]
    root = Path(__file__).parents[3]
    said = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    errors = [line for line in said.stdout.splitlines() if "wrong.py" in line and "error:" in line]
    assert len(errors) == 1, said.stdout
    assert "wrong.py:6" in errors[0]
    assert "arg-type" in errors[0]


def test_a_photo_survives_encoding_nearly_and_png_exactly(photo):
    jpeg = read_picture(encode_jpeg(photo, quality=98).data)
    assert np.abs(jpeg.astype(int) - PIXELS.astype(int)).mean() < 6
    for ending in (".png", ".webp", ".tiff", ".bmp"):
        assert np.array_equal(read_picture(encode_like(photo, ending)), PIXELS), ending
    assert encode_like(photo, ".heic")[:2] == b"\xff\xd8"


def test_a_picture_is_shrunk_to_a_width_and_never_enlarged(photo):
    assert (encode_jpeg(photo, width=48).width, encode_jpeg(photo, width=48).height) == (48, 32)
    assert encode_jpeg(photo, width=4000).width == 96


@pytest.mark.parametrize("wrong", [{"quality": 0}, {"quality": 101}, {"width": 0}])
def test_a_senseless_quality_or_width_is_refused(photo, wrong):
    with pytest.raises(ValueError, match=r"lies in|at least"):
        encode_jpeg(photo, **wrong)


def test_a_format_that_is_not_written_becomes_jpeg():
    assert [written_suffix(s) for s in (".JPG", ".jpeg", ".png", ".heic", "")] == [
        ".JPG",
        ".jpeg",
        ".png",
        ".jpg",
        ".jpg",
    ]
