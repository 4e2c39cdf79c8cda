"""What becomes of picture files: upright pixels, or one sentence."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture.errors import PictureUnreadable
from capture.pictures import read_header, read_picture

RNG = np.random.default_rng(7)
SMOOTH = cv2.GaussianBlur(RNG.integers(0, 256, (60, 90, 3), dtype=np.uint8), (0, 0), 6)
"""RGB, 90 × 60, soft enough that JPEG keeps it nearly."""


def written(ending, rgb=SMOOTH, flags=()):
    channels = rgb[:, :, ::-1] if rgb.ndim == 3 and rgb.shape[2] == 3 else rgb
    done, data = cv2.imencode(ending, np.ascontiguousarray(channels), flags)
    assert done
    return data.tobytes()


def with_exif(jpeg, orientation, order="<"):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 274, 3, 1, orientation, 0)
    tiff = mark + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def sentence(data, **limits):
    with pytest.raises(PictureUnreadable) as refused:
        read_picture(data, **limits)
    return refused.value.sentence


@pytest.mark.parametrize(("ending", "off"), [(".png", 0), (".bmp", 0), (".tiff", 0), (".webp", 12), (".jpg", 12)])
def test_every_format_comes_out_in_its_own_colours(ending, off):
    pixels = read_picture(written(ending))
    assert pixels.shape == SMOOTH.shape
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - SMOOTH.astype(int)).max() <= off


UPRIGHT = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: np.rot90(np.fliplr(p)),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(np.fliplr(p), -1),
    8: np.rot90,
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_of_the_eight_orientations_is_turned_upright(orientation, order):
    jpeg = written(".jpg", flags=[cv2.IMWRITE_JPEG_QUALITY, 98])
    expected = UPRIGHT[orientation](read_picture(jpeg))
    assert np.array_equal(read_picture(with_exif(jpeg, orientation, order)), expected)


def test_orientation_agrees_with_opencvs_own_reading():
    jpeg = with_exif(written(".jpg"), 6)
    theirs = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert np.abs(read_picture(jpeg).astype(int) - theirs.astype(int)).max() <= 6


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_leaves_the_picture_as_it_is(orientation):
    jpeg = written(".jpg")
    assert np.array_equal(read_picture(with_exif(jpeg, orientation)), read_picture(jpeg))


def test_an_orientation_in_a_png_is_applied():
    png = written(".png")
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 274, 3, 1, 6, 0) + struct.pack("<I", 0)
    turned = png[:33] + png_chunk(b"eXIf", tiff) + png[33:]
    assert np.array_equal(read_picture(turned), np.rot90(SMOOTH, -1))


def test_grey_becomes_rgb():
    grey = SMOOTH[:, :, 1]
    for ending in (".png", ".jpg", ".tiff"):
        pixels = read_picture(written(ending, grey))
        assert pixels.shape == SMOOTH.shape
        assert np.array_equal(pixels[:, :, 0], pixels[:, :, 2])


def test_sixteen_bits_keep_their_upper_eight():
    deep = (SMOOTH.astype(np.uint16) << 8) | 0x7F
    for ending in (".png", ".tiff"):
        assert np.array_equal(read_picture(written(ending, deep)), SMOOTH)


def test_a_transparent_picture_lies_on_white_and_what_was_hidden_stays_hidden():
    secret = np.dstack([SMOOTH[:, :, ::-1], np.full(SMOOTH.shape[:2], 255, np.uint8)])
    secret[:30, :, 3] = 0
    pixels = read_picture(written(".png", secret))
    assert (pixels[:30] == 255).all()
    assert np.array_equal(pixels[30:], SMOOTH[30:])


def test_an_empty_file_is_said():
    assert "empty" in sentence(b"")


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tiff", ".bmp"])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_file_that_ends_too_early_is_refused_and_never_filled_with_grey(ending, keep):
    data = written(ending)
    assert "JPEG" in (said := sentence(data[: int(len(data) * keep)])) or "too early" in said


def test_a_jpeg_that_lacks_only_its_end_is_refused():
    jpeg = written(".jpg")
    assert "too early" in sentence(jpeg[:-2])
    assert "too early" in sentence(jpeg[: len(jpeg) // 2] + b"\xff\xd9")


def test_a_progressive_jpeg_is_read_and_refused_when_cut():
    jpeg = written(".jpg", flags=[cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert read_picture(jpeg).shape == SMOOTH.shape
    assert "too early" in sentence(jpeg[: len(jpeg) * 3 // 4])


def test_a_text_file_with_a_pictures_name_is_refused():
    assert "not a picture" in sentence(b"Dear nurse,\nthe picture is attached.\n")


def png_of(width, height):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


MANY = 1 << 18
"""More segments or chunks than any picture has, in a file of a few megabytes."""
ENDLESS = {
    "fill bytes of a JPEG": b"\xff\xd8" + b"\xff" * (MANY + 9),
    "empty chunks of a PNG": png_of(90, 60)[:33] + png_chunk(b"tEXt", b"") * MANY + png_chunk(b"IEND", b""),
    "empty chunks of a WebP": b"RIFF"
    + struct.pack("<I4s4sI4s3s3s", 22 + 8 * MANY, b"WEBP", b"VP8X", 10, b"", b"\x59\0\0", b"\x3b\0\0")
    + b"none\0\0\0\0" * MANY,
}


@pytest.mark.parametrize("data", ENDLESS.values(), ids=ENDLESS)
def test_a_file_of_nothing_but_small_parts_is_refused_after_a_bounded_number_of_them(data):
    assert "not a picture" in sentence(data)


def test_a_hundred_megapixels_are_refused_from_the_header_alone():
    assert "100 megapixels" in sentence(png_of(10_000, 10_000))
    assert "64 is the most" in sentence(png_of(10_000, 10_000))


def test_the_limit_is_an_argument():
    data = written(".png")
    assert "0.005 is the most" in sentence(data, limit_megapixels=0.005)
    assert read_picture(data, limit_megapixels=0.0054).shape == SMOOTH.shape


def test_one_pixel_is_too_small_to_show_anything():
    assert "too small" in sentence(written(".png", np.zeros((1, 1, 3), np.uint8)))


def test_print_colours_are_refused_because_a_wound_would_change_its_colour():
    cmyk = simplejpeg.encode_jpeg(np.zeros((32, 32, 4), np.uint8), colorspace="CMYK", colorsubsampling="444")
    assert "CMYK" in sentence(cmyk)


@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_an_animation_is_refused(ending):
    animation = cv2.Animation()
    animation.frames = [np.full((32, 32, 4), shade, np.uint8) for shade in (40, 200)]
    animation.durations = np.array([100, 100])
    done, data = cv2.imencodeanimation(ending, animation)
    assert done
    assert "several pictures" in sentence(data.tobytes())


def test_a_gif_is_refused():
    done, data = cv2.imencode(".gif", SMOOTH)
    assert done
    assert "GIF" in sentence(data.tobytes())


def test_a_tiff_of_several_pages_is_refused():
    done, data = cv2.imencodemulti(".tiff", [SMOOTH, SMOOTH])
    assert done
    assert "several pictures" in sentence(data.tobytes())


def test_a_tiff_of_floating_point_is_refused():
    done, data = cv2.imencode(".tiff", SMOOTH.astype(np.float32))
    assert done
    assert "scientific" in sentence(data.tobytes())


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
        (b"\0\0\0\x18ftypavif" + bytes(20), "AVIF"),
        (bytes(128) + b"DICM" + bytes(20), "DICOM"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
def test_a_file_of_another_kind_is_named(head, name):
    assert name in sentence(head)


SAMPLES = {ending: written(ending) for ending in (".jpg", ".png", ".webp", ".tiff", ".bmp")}


def pixels_or_the_one_error(data):
    try:
        pixels = read_picture(data, limit_megapixels=1)
    except PictureUnreadable as refused:
        said = refused.sentence
    else:
        said = "."
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
    assert said.endswith(".")
    assert "\n" not in said


@given(st.binary(max_size=400))
@settings(max_examples=150)
def test_random_bytes_give_pixels_or_the_one_error(data):
    pixels_or_the_one_error(data)


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"GIF89a"]),
    st.binary(max_size=400),
)
@settings(max_examples=300)
def test_random_bytes_after_a_true_signature_give_pixels_or_the_one_error(signature, rest):
    pixels_or_the_one_error(signature + rest)


@given(st.sampled_from(sorted(SAMPLES)), st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_picture_with_altered_bytes_gives_pixels_or_the_one_error(ending, data):
    altered = bytearray(SAMPLES[ending])
    for _ in range(data.draw(st.integers(1, 6))):
        altered[data.draw(st.integers(0, min(len(altered), 300) - 1))] = data.draw(st.integers(0, 255))
    pixels_or_the_one_error(bytes(altered[: data.draw(st.integers(1, len(altered)))]))


def test_a_header_says_the_size_without_decoding():
    for ending, data in SAMPLES.items():
        header = read_header(data)
        assert (header.width, header.height, header.orientation) == (90, 60, 1), ending


@pytest.mark.data
def test_every_real_picture_is_read(data_folder):
    files = sorted(data_folder.glob("*/*.jpg"))[::25]
    assert len(files) > 20
    for file in files:
        theirs = cv2.imread(str(file), cv2.IMREAD_COLOR)
        assert read_picture(file.read_bytes()).shape == theirs.shape
