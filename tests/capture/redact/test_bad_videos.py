"""Strange videos, through `redact`: done whole, or refused with a sentence and nothing written."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from capture.redact import redact

REFUSED = {
    "picture.mp4": (cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes(), "no video"),
    "letter.mov": (b"Dear nurse,\nthe video is attached.\n", "no video"),
    "list.mp4": (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n", "no video"),
    "empty.mp4": (b"", "no video"),
    "silence.mp4": (struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + struct.pack(">I4s", 8, b"moov"), "no video"),
    "endless.mp4": (struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + bytes(3) + b"\x04moov" + bytes(9), "too early"),
    "tape.mpg": (b"\0\0\x01\xba" + bytes(100), "no video"),
    "sound.avi": (b"RIFF" + struct.pack("<I", 4) + b"WAVE", "no video"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_video_is_refused_with_a_sentence_and_nothing_is_written(refused, tmp_path, name):
    data, words = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    assert words in refused(tmp_path / name)


def moov_first(data):
    """The MP4 as it is made for the web, so that its table of frames survives when its end is cut off."""
    at = data.index(b"moov") - 4
    moov = bytearray(data[at:])
    table = moov.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", moov, table)
    for place in range(table + 4, table + 4 + 4 * count, 4):
        struct.pack_into(">I", moov, place, struct.unpack_from(">I", moov, place)[0] + len(moov))
    (first,) = struct.unpack_from(">I", data)
    return data[:first] + bytes(moov) + data[first:at]


CONTAINERS = {
    "a.mp4": bytes,
    "web.mp4": moov_first,
    "a.mov": bytes,
    "a.mkv": bytes,
    "a.avi": bytes,
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_video_cut_anywhere_is_refused_and_whole_it_is_done(deidentifier, refused, films, tmp_path, name):
    source = films.write(tmp_path / name, films.walk())
    data = CONTAINERS[name](source.read_bytes())
    for keep in (10, 40, len(data) // 2, len(data) * 9 // 10, len(data) - 1):
        source.write_bytes(data[:keep])
        said = refused(source)
        assert "too early" in said or "no video" in said, keep
    source.write_bytes(data)
    (entry,) = redact(deidentifier, [source], tmp_path / "out").files
    assert (entry.error, entry.film["frames"]) == ("", 20)
    assert not any(films.shown(tmp_path / "out" / entry.output))


@pytest.mark.parametrize("name", ["none.mp4", "none.mkv", "none.avi"])
def test_a_video_without_frames_is_refused(refused, tmp_path, name):
    writer = cv2.VideoWriter(str(tmp_path / name), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 25, (160, 120))
    assert writer.isOpened()
    writer.release()
    refused(tmp_path / name)


@pytest.mark.parametrize(("size", "words"), [((320, 34), "Cut it into parts"), ((32, 8), "too small")])
def test_a_video_of_a_strange_shape_is_refused(refused, films, tmp_path, size, words):
    source = films.write(tmp_path / "a.mp4", [np.full((size[1], size[0], 3), 90, np.uint8)] * 2)
    assert words in refused(source)


def test_a_video_with_altered_bytes_is_done_or_refused(deidentifier, films, tmp_path):
    """Whatever a decoder makes of it, nothing else is raised, and an output is whole."""
    source = films.write(tmp_path / "a.mp4", films.walk(6))
    whole, random = source.read_bytes(), np.random.default_rng(3)
    for _ in range(25):
        altered = bytearray(whole)
        for place in random.integers(0, len(whole), 4):
            altered[place] = random.integers(256)
        source.write_bytes(altered)
        (entry,) = redact(deidentifier, [source], tmp_path / "out").files
        assert entry.error.endswith(".") or len(list(films.frames(tmp_path / "out" / "a.mp4"))) == entry.film["frames"]
