"""Strange pictures, through `redact`: each comes out upright and alone, or is refused and nothing is written."""

from __future__ import annotations

import os
import struct
import zlib

import cv2
import numpy as np
import pytest
import simplejpeg

from capture.pictures import read_picture
from capture.redact import redact
from inference.covering import FILL

CANARY = b"SECOND-PICTURE-CANARY"
WIDTH, HEIGHT = 96, 64


def scene(width=WIDTH, height=HEIGHT):
    """Four quarters of four colours, and what identifies in the first: no turn of it is another turn."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (220, 40, 30)
    pixels[: height // 2, width // 2 :] = (40, 180, 60)
    pixels[height // 2 :, : width // 2] = (30, 60, 200)
    pixels[height // 2 :, width // 2 :] = (230, 210, 80)
    pixels[4:12, 4:16] = (255, 0, 255)
    return pixels


BGR = scene()[:, :, ::-1]
GREY = np.full((HEIGHT, WIDTH), 90, np.uint8)
LOSSLESS = {".webp": (cv2.IMWRITE_WEBP_QUALITY, 101)}


def written(ending, bgr=BGR, flags=None):
    done, data = cv2.imencode(ending, np.ascontiguousarray(bgr), LOSSLESS.get(ending, ()) if flags is None else flags)
    assert done
    return data.tobytes()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(size, depth, colour, raw, extra=b""):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def exif(orientation):
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def segment(marker, body):
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def with_segments(jpeg, *segments):
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def webp_with(data, orientation):
    block = exif(orientation)
    canvas = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + canvas
    body = b"WEBP" + extended + data[12:] + b"EXIF" + struct.pack("<I", len(block)) + block
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(tags, raw):
    """A little-endian TIFF of one strip; `tags` are tag → short or long."""
    tags = {256: WIDTH, 257: HEIGHT, 259: 1, 273: 0, 278: HEIGHT, 279: len(raw)} | tags
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + raw


def turned_tiff(orientation, bgr=BGR):
    """OpenCV's own TIFF with an orientation: its directory is written anew behind it."""
    data = written(".tiff", bgr)
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    entries = [data[at + 2 + 12 * place : at + 14 + 12 * place] for place in range(count)]
    kept = [entry for entry in entries if entry[:2] != struct.pack("<H", 274)]
    kept.append(struct.pack("<HHIHH", 274, 3, 1, orientation, 0))
    directory = struct.pack("<H", len(kept)) + b"".join(sorted(kept, key=lambda e: struct.unpack_from("<H", e)))
    end = len(data) + (len(data) & 1)
    return data[:4] + struct.pack("<I", end) + data[8:].ljust(end - 8, b"\0") + directory + bytes(4)


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
TURNED = {
    "a.jpg": lambda o: with_segments(
        written(".jpg", flags=[cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]),
        segment(0xE1, b"Exif\0\0" + exif(o)),
    ),
    "a.png": lambda o: written(".png")[:33] + chunk(b"eXIf", exif(o)) + written(".png")[33:],
    "a.webp": lambda o: webp_with(written(".webp"), o),
    "a.tiff": turned_tiff,
    "deep.tiff": lambda o: turned_tiff(o, BGR.astype(np.uint16) << 8),
}


def redacted(engine, folder, name, data):
    """The output's pixels, its bytes, and the report's entry."""
    (folder / name).write_bytes(data)
    (entry,) = redact(engine, [folder / name], folder / "out").files
    assert entry.error == ""
    out = folder / "out" / entry.output
    assert list((folder / "out").iterdir()) == [out]
    pixels = read_picture(out.read_bytes())
    assert pixels.shape == (entry.height, entry.width, 3)
    return pixels, out.read_bytes(), entry


def filled(pixels):
    """The scene as it has to come out: the fill where what identifies was found, with its margin."""
    expected = pixels.copy()
    expected[2:15, 2:19] = FILL
    return expected


@pytest.mark.parametrize("name", TURNED)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_of_each_format_comes_out_upright(deidentifier, magenta_left, tmp_path, name, orientation):
    pixels, data, _ = redacted(deidentifier, tmp_path, name, TURNED[name](orientation))
    expected = UPRIGHT[orientation](filled(scene()))
    assert pixels.shape == expected.shape
    assert not magenta_left(pixels)
    off = np.abs(pixels.astype(int) - expected.astype(int)).max(axis=2)
    assert np.percentile(off, 90) <= 3, "but for the edges in a JPEG"
    assert b"Exif" not in data


ALPHA = np.dstack([BGR, np.full((HEIGHT, WIDTH), 255, np.uint8)])
ALPHA[: HEIGHT // 2, : WIDTH // 2, 3] = 0
HIDDEN = scene()
HIDDEN[: HEIGHT // 2, : WIDTH // 2] = 255
PALETTE = chunk(b"PLTE", bytes((255, 0, 0, 10, 200, 30)))
ROWS = (b"\0" + bytes([1]) * WIDTH) * HEIGHT
OF_THE_PALETTE = np.full((HEIGHT, WIDTH, 3), (10, 200, 30), np.uint8)
SHAPES = {"strip.png": (800, 100), "tower.png": (100, 800), "small.png": (16, 16), "stamp.png": (16, 128)}

KINDS = {
    "grey.png": (written(".png", GREY), np.dstack([GREY] * 3)),
    "grey.tiff": (written(".tiff", GREY), np.dstack([GREY] * 3)),
    "grey.jpg": (written(".jpg", GREY), np.dstack([GREY] * 3)),
    "grey16.png": (written(".png", GREY.astype(np.uint16) * 256 + 255), np.dstack([GREY] * 3)),
    "deep.png": (written(".png", BGR.astype(np.uint16) * 256 + 127), filled(scene())),
    "deep.tiff": (written(".tiff", BGR.astype(np.uint16) * 256 + 127), filled(scene())),
    "alpha.png": (written(".png", ALPHA), HIDDEN),
    "alpha.webp": (written(".webp", ALPHA), HIDDEN),
    "alpha.tiff": (written(".tiff", ALPHA), HIDDEN),
    "alpha16.png": (written(".png", ALPHA.astype(np.uint16) * 257), HIDDEN),
    "palette.png": (png((WIDTH, HEIGHT), 8, 3, ROWS, PALETTE), OF_THE_PALETTE),
    "hole.png": (png((WIDTH, HEIGHT), 8, 3, ROWS, PALETTE + chunk(b"tRNS", b"\xff\0")), np.full_like(scene(), 255)),
    "bits.png": (png((WIDTH, HEIGHT), 1, 0, (b"\0" + b"\xff" * (WIDTH // 8)) * HEIGHT), np.full_like(scene(), 255)),
    "negative.tiff": (
        tiff({258: 8, 262: 0, 277: 1}, bytes([255 - 90]) * WIDTH * HEIGHT),
        np.dstack([GREY] * 3),
    ),
    "padding.bmp": (written(".bmp", np.dstack([BGR, np.zeros_like(GREY)])), filled(scene())),
    **{
        name: (written(".png", scene(*size)[:, :, ::-1]), filled(scene(*size)) if min(size) > 16 else None)
        for name, size in SHAPES.items()
    },
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_picture_comes_out_as_it_is_seen(deidentifier, magenta_left, tmp_path, name):
    data, expected = KINDS[name]
    pixels, _, _ = redacted(deidentifier, tmp_path, name, data)
    assert not magenta_left(pixels)
    if expected is not None:
        assert pixels.shape == expected.shape
        assert np.abs(pixels.astype(int) - expected.astype(int)).max() <= 1


BASE = written(".jpg", flags=[cv2.IMWRITE_JPEG_QUALITY, 98])
SECOND = with_segments(written(".jpg", 255 - BGR), segment(0xFE, CANARY))
MPF = b"MPF\0II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + bytes(4)
XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta hdrgm:Version='1.0'>" + CANARY + b"</x:xmpmeta>"
THUMBNAIL = b"Exif\0\0" + exif(1) + SECOND
MORE_THAN_ONE = {
    "two.mpo": with_segments(BASE, segment(0xE2, MPF)) + SECOND,
    "gain.jpg": with_segments(BASE, segment(0xE1, XMP), segment(0xE2, MPF)) + SECOND,
    "thumb.jpg": with_segments(BASE, segment(0xE1, THUMBNAIL)),
    "trailer.jpg": BASE + bytes(64) + b"SEFH" + CANARY,
    "text.png": written(".png")[:33] + chunk(b"tEXt", b"Comment\0" + CANARY) + written(".png")[33:] + CANARY,
}


@pytest.mark.parametrize("name", MORE_THAN_ONE)
def test_of_a_file_with_more_than_its_picture_only_the_picture_is_left(deidentifier, tmp_path, name):
    pixels, data, entry = redacted(deidentifier, tmp_path, name, MORE_THAN_ONE[name])
    assert np.percentile(np.abs(pixels.astype(int) - filled(scene()).astype(int)), 90) <= 6
    assert CANARY not in data
    assert b"MPF" not in data
    if name.endswith((".jpg", ".mpo")):
        assert entry.output.endswith(".jpg")
        assert data.count(b"\xff\xd8\xff") == 1
        assert data.endswith(b"\xff\xd9")


def cmyk_jpeg():
    return simplejpeg.encode_jpeg(np.zeros((32, 32, 4), np.uint8), colorspace="CMYK", colorsubsampling="444")


def ftyp(*brands):
    return struct.pack(">I4s4sI", 16 + 4 * len(brands[1:]), b"ftyp", brands[0], 0) + b"".join(brands[1:]) + bytes(64)


COLOUR = bytes(WIDTH * HEIGHT * 3)
REFUSED = {
    "empty.jpg": (b"", "empty"),
    "letter.jpg": (b"Dear nurse,\nthe picture is attached.\n", "not a picture"),
    **{f"one-pixel{e}": (written(e, BGR[:1, :1]), "too small") for e in (".jpg", ".png", ".webp", ".tiff", ".bmp")},
    "thread.png": (written(".png", np.zeros((1, 5000, 3), np.uint8)), "too small"),
    "scroll.png": (written(".png", np.zeros((20, 161, 3), np.uint8)), "Cut it into parts"),
    "tower.png": (written(".png", np.zeros((40_000, 20), np.uint8)), "Cut it into parts"),
    "bomb.png": (png((50_000, 50_000), 8, 2, b""), "2500 megapixels"),
    "cmyk.jpg": (cmyk_jpeg(), "CMYK"),
    "cmyk.tiff": (tiff({258: 8, 262: 5, 277: 4}, bytes(WIDTH * HEIGHT * 4)), "CMYK"),
    "lab.tiff": (tiff({258: 8, 262: 8, 277: 3}, COLOUR), "scientific"),
    "float.tiff": (written(".tiff", BGR.astype(np.float32)), "scientific"),
    "raw.dng": (tiff({254: 1, 258: 8, 262: 2, 277: 3}, COLOUR), "raw camera"),
    "big.tiff": (b"II+\0\x08\0\0\0" + bytes(40), "BigTIFF"),
    "phone.heic": (ftyp(b"heic", b"mif1", b"heic"), "HEIC"),
    "phone.jpg": (ftyp(b"mif1", b"mif1", b"heic"), "HEIC"),
    "real.avif": (written(".avif"), "This is an AVIF file, which Wardlens does not read. Export it as JPEG or PNG"),
    "other.avif": (ftyp(b"mif1", b"mif1", b"avif"), "AVIF"),
    "real.jp2": (written(".jp2"), "JPEG 2000"),
    "real.gif": (written(".gif"), "GIF"),
    "real.hdr": (written(".hdr", BGR.astype(np.float32)), "HDR"),
    "film.jpg": (ftyp(b"isom", b"mp42"), "a video with a picture's name"),
    "twelve.jpg": (BASE.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c"), "12-bit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_with_a_sentence_and_nothing_is_written(refused, tmp_path, name):
    data, words = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    assert words in refused(tmp_path / name)


def test_a_hundred_megapixels_are_refused(refused, tmp_path):
    (tmp_path / "wall.png").write_bytes(written(".png", np.zeros((10_000, 10_000), np.uint8)))
    assert "100 megapixels, and 64 is the most" in refused(tmp_path / "wall.png")


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tiff", ".bmp", ".mpo"])
def test_a_picture_cut_anywhere_is_refused(refused, tmp_path, ending):
    data = written(".jpg" if ending == ".mpo" else ending)
    for keep in (4, 30, len(data) // 3, len(data) // 2, len(data) * 9 // 10, len(data) - 13):
        source = tmp_path / f"cut{ending}"
        source.write_bytes(data[:keep])
        said = refused(source)
        assert "too early" in said or "not a picture" in said, keep


def test_the_second_picture_of_a_file_does_not_stand_in_for_the_first(refused, tmp_path):
    """The first ends in the middle; what follows is a whole picture."""
    (tmp_path / "half.mpo").write_bytes(BASE[: len(BASE) // 2] + SECOND)
    refused(tmp_path / "half.mpo")


def test_a_pipe_is_refused_and_not_waited_for(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "not a file" in refused(tmp_path / "pipe.jpg")


def test_what_is_not_read_is_refused_in_a_folder_too_and_never_passed_over(deidentifier, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.HEIC", "b.avif", "c.mts", "d.dng"):
        (folder / name).write_bytes(bytes(200))
    (folder / "notes.txt").write_text("not a picture, and not called one")
    report = redact(deidentifier, [folder], tmp_path / "out")
    assert [entry.file for entry in report.failed] == ["a.HEIC", "b.avif", "c.mts", "d.dng"]
