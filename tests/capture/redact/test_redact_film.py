"""Videos: covered in every frame, before and after what was seen, without sound or metadata, whole or not at all."""

from __future__ import annotations

import json
import os
import struct

import cv2
import numpy as np
import pytest

from capture.redact import redact
from inference.geometry import box_polygon

SKIN = (170, 130, 110)
STILL = [np.full((120, 160, 3), SKIN, np.uint8)] * 5


def test_a_video_is_covered_in_every_frame_and_says_found_or_unsure(deidentifier, films, tmp_path):
    films.write(tmp_path / "in" / "walk.mp4", films.walk())
    (entry,) = redact(deidentifier, [tmp_path / "in"], tmp_path / "out").files
    frames = list(films.frames(tmp_path / "out" / "walk.mp4"))
    assert len(frames) == 20
    assert not any(films.shown(tmp_path / "out" / "walk.mp4"))
    assert all(np.abs(frame[90:, :].astype(int) - SKIN).max() < 12 for frame in frames), "the rest is kept"
    assert (entry.width, entry.height) == (160, 120)
    assert entry.to_json()["outcomes"] == {"face": "found", "tattoo": "unsure", "text": "unsure", "code": "unsure"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["walk.mp4"]


@pytest.mark.parametrize("blind", [range(15), range(5, 20), range(1, 19), [0, 2, 3, 7, 8, 9, 12, 19]])
def test_a_detector_that_blinks_leaves_no_frame_uncovered(blinking, films, tmp_path, blind):
    """Blind for long before, after or between its sightings of what moves half a pixel a frame."""
    films.write(tmp_path / "a.mp4", films.walk(20, step=0.5))
    _, engine = blinking(blind)
    redact(engine, [tmp_path / "a.mp4"], tmp_path / "out")
    seen = [place for place in range(20) if place not in blind]
    shown = films.shown(tmp_path / "out" / "a.mp4")
    assert len(shown) == 20
    assert not any(shown[place] for place in range(20) if any(abs(place - at) <= 10 for at in seen))


def test_a_film_in_which_something_covers_a_wound_asks_a_person_and_stays_covered(guarding, films, tmp_path):
    films.write(tmp_path / "a.mp4", films.walk())
    for wound, answer in (((0, 0, 160, 90), "unsure"), ((0, 100, 160, 120), "found")):
        out = tmp_path / answer
        (entry,) = redact(guarding(box_polygon(wound)), [tmp_path / "a.mp4"], out).files
        assert entry.to_json()["outcomes"]["face"] == answer
        assert not any(films.shown(out / "a.mp4"))


def test_what_is_found_late_is_covered_in_the_frames_before(blinking, films, tmp_path):
    still = [np.full((120, 160, 3), SKIN, np.uint8) for _ in range(40)]
    for pixels in still:
        pixels[30:70, 40:80] = (255, 0, 255)
    films.write(tmp_path / "a.mp4", still)
    _, engine = blinking(range(30))
    (entry,) = redact(engine, [tmp_path / "a.mp4"], tmp_path / "out").files
    assert films.shown(tmp_path / "out" / "a.mp4") == [True] * 20 + [False] * 20
    assert entry.to_json()["film"] == {"frames": 40, "rate": 25.0, "covered": 20, "busiest": 30}


def test_what_only_a_stills_detectors_see_is_covered_in_every_frame(blinking, films, tmp_path):
    """They look three times a second; what they see is held until they look again."""
    blind, engine = blinking(range(1000))
    sharp, _ = blinking()
    sharp.name = "sharp"
    films.write(tmp_path / "a.mp4", [np.full((120, 160, 3), (255, 0, 255), np.uint8)] * 40)
    engine = type(engine)(still=[sharp], live=[blind], second_look=[], threads=1)
    redact(engine, [tmp_path / "a.mp4"], tmp_path / "out")
    assert not any(films.shown(tmp_path / "out" / "a.mp4"))
    assert (blind.looked, sharp.looked) == (40, 6)


def test_what_one_video_held_is_not_held_in_the_next(deidentifier, films, tmp_path):
    films.write(tmp_path / "in" / "1.mp4", films.walk())
    films.write(tmp_path / "in" / "2.mp4", STILL)
    _, second = redact(deidentifier, [tmp_path / "in"], tmp_path / "out").files
    assert list(second.regions) == []
    assert second.to_json()["film"]["covered"] == 0


def test_the_report_of_a_video_keeps_its_shape_and_adds_what_a_film_has(deidentifier, films, tmp_path):
    films.write(tmp_path / "in" / "walk.mov", films.walk())
    report = redact(deidentifier, [tmp_path / "in"], tmp_path / "out").to_json()
    assert json.loads(json.dumps(report)) == report
    (entry,) = report["files"]
    shape = {"file", "width", "height", "outcomes", "regions", "milliseconds"}
    assert set(entry) == shape | {"output", "film"}
    assert (entry["output"], entry["film"]["frames"], entry["film"]["covered"]) == ("walk.mp4", 20, 20)
    assert [set(region) for region in entry["regions"]] == [{"kind", "polygon", "score", "model"}]


def boxes(data, at=0, end=None):
    """Every box of an MP4, with what is in the containers: (path, body)."""
    end = len(data) if end is None else end
    while at < end:
        size, name = struct.unpack_from(">I4s", data, at)
        size = end - at if size == 0 else size
        yield name, data[at + 8 : at + size]
        if name in (b"moov", b"trak", b"mdia"):
            yield from boxes(data, at + 8, at + size)
        at += size


def test_no_sound_and_no_metadata_of_the_source_is_in_the_output(deidentifier, films, tmp_path):
    source = films.write(tmp_path / "a.mp4", films.walk())
    data = source.read_bytes()
    canary = b"PATIENT-CANARY +51.47-0.45/"
    place = b"\xa9xyz" + struct.pack(">HH", len(canary), 0x15C7) + canary
    udta = struct.pack(">I4sI", len(place) + 12, b"udta", len(place) + 4) + place
    at = data.index(b"moov") - 4
    assert at + struct.unpack_from(">I", data, at)[0] == len(data), "the last box, so that it may grow"
    moov = struct.pack(">I", len(data) - at + len(udta)) + data[at + 4 :] + udta
    source.write_bytes(data[:at] + moov + struct.pack(">I4s", len(canary) + 8, b"free") + canary)
    (entry,) = redact(deidentifier, [source], tmp_path / "out").files
    assert entry.error == ""
    written = (tmp_path / "out" / "a.mp4").read_bytes()
    assert b"CANARY" not in written
    names = [name for name, _ in boxes(written)]
    assert names.count(b"trak") == 1
    assert [body[8:12] for name, body in boxes(written) if name == b"hdlr"] == [b"vide"]


def test_a_turned_video_comes_out_upright(deidentifier, films, tmp_path):
    source = films.write(tmp_path / "a.mp4", films.walk())
    data = bytearray(source.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows forty bytes of times, ids and layers
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 120 << 16, 0, 1 << 30)
    data[at : at + 36] = quarter
    source.write_bytes(data)
    (entry,) = redact(deidentifier, [source], tmp_path / "out").files
    assert (entry.error, entry.width, entry.height) == ("", 120, 160)
    frames = list(films.frames(tmp_path / "out" / "a.mp4"))
    assert [frame.shape for frame in frames] == [(160, 120, 3)] * 20
    assert not any(films.shown(tmp_path / "out" / "a.mp4"))


def test_a_video_whose_detector_fails_midway_leaves_nothing(deidentifier, films, tmp_path):
    films.write(tmp_path / "in" / "breaks.mp4", [np.full((66, 160, 3), 90, np.uint8)] * 3)
    (entry,) = redact(deidentifier, [tmp_path / "in"], tmp_path / "out").files
    assert "nothing was kept" in entry.error
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("frames", [12, 28])
def test_a_video_that_gives_other_frames_the_second_time_is_refused(deidentifier, films, tmp_path, frames):
    source = films.write(tmp_path / "a.mp4", films.walk())
    other = films.write(tmp_path / "other.mp4", films.walk(frames, step=1))

    def progress(step):
        if step.doing == "looking" and step.share >= 0.8:
            other.replace(source)

    (entry,) = redact(deidentifier, [source], tmp_path / "out", progress=progress).files
    assert "other frames when it was read again" in entry.error
    assert list((tmp_path / "out").iterdir()) == []


def test_progress_is_told_of_both_passes_and_never_goes_back(deidentifier, films, tmp_path):
    films.write(tmp_path / "a.mp4", films.walk())
    steps = []
    redact(deidentifier, [tmp_path / "a.mp4"], tmp_path / "out", progress=steps.append)
    assert [step.doing for step in steps] == ["", *["looking"] * 20, *["covering"] * 20, ""]
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-2], shares[-1]) == (0, 1, 1)


def avi_of(pixels, count):
    """The same picture `count` times as Motion JPEG, made by hand: OpenCV's own writer cuts odd sizes."""

    def chunk(name, body):
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)

    height, width = pixels.shape[:2]
    main = struct.pack("<14I", 40_000, 0, 0, 0, count, 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIIIIIIIIII4H", b"vids", b"MJPG", 0, 0, 0, 1, 25, 0, count, 0, 0, 0, 0, 0, width, height)
    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    streams = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
    movie = chunk(b"LIST", b"movi" + chunk(b"00dc", jpeg) * count)
    return chunk(b"RIFF", b"AVI " + chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + streams) + movie)


def test_an_odd_row_and_column_that_mp4_cannot_hold_are_left_out_and_the_report_says_so(deidentifier, films, tmp_path):
    path = tmp_path / "odd.avi"
    path.write_bytes(avi_of(np.full((121, 161, 3), 90, np.uint8), 3))
    assert next(films.frames(path)).shape == (121, 161, 3)
    (entry,) = redact(deidentifier, [path], tmp_path / "out").files
    (frame, *_) = films.frames(tmp_path / "out" / "odd.mp4")
    assert (entry.height, entry.width) == frame.shape[:2] == (120, 160)


def test_a_full_disk_is_said_and_leaves_nothing(deidentifier, films, tmp_path):
    source, out = films.write(tmp_path / "a.mp4", films.walk()), tmp_path / "out"

    def fill(step):
        if step.doing == "looking" and step.share >= 0.8:
            (out / f".a.part-{os.getpid()}.mp4").symlink_to("/dev/full")

    (entry,) = redact(deidentifier, [source], out, progress=fill).files
    assert "could not be written" in entry.error
    assert list(out.iterdir()) == []
