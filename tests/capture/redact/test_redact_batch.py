"""Batches of files: redacted copies, whole or not at all, and a report in the contract's shape."""

from __future__ import annotations

import json
import os
import struct

import cv2
import numpy as np
import pytest

from capture import encoding
from capture.pictures import read_picture
from capture.redact import batch, plan, redact

MAGENTA = (255, 0, 255)


def scene(width=160, height=120):
    pixels = np.full((height, width, 3), (170, 130, 110), np.uint8)
    pixels[10:40, 10:40] = MAGENTA
    return pixels


def write(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(scene() if pixels is None else pixels, cv2.COLOR_RGB2BGR))
    return path


def with_gps_exif(path):
    jpeg = path.read_bytes()
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 274, 3, 1, 6, 0) + struct.pack("<I", 0)
    body = b"Exif\0\0" + tiff + b"PATIENT-GPS-CANARY"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:] + b"TRAILING-CANARY")


@pytest.mark.parametrize("name", ["a.jpg", "b.JPEG", "c.png", "d.webp", "e.tiff", "f.bmp"])
def test_a_picture_keeps_name_and_size_and_loses_what_identifies(deidentifier, magenta_left, tmp_path, name):
    write(tmp_path / "in" / name)
    report = redact(deidentifier, [tmp_path / "in" / name], tmp_path / "out")
    pixels = read_picture((tmp_path / "out" / name).read_bytes())
    assert pixels.shape == (120, 160, 3)
    assert not magenta_left(pixels)
    assert np.abs(pixels[80:, 80:].astype(int) - (170, 130, 110)).max() < 8, "the rest is kept"
    (entry,) = report.files
    assert entry.file == name
    assert [region["kind"] for region in entry.regions] == ["face"]


def test_the_report_has_the_contracts_shape(deidentifier, tmp_path):
    write(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no picture")
    report = redact(deidentifier, [tmp_path / "in"], tmp_path / "out").to_json()
    assert json.loads(json.dumps(report)) == report
    assert set(report) == {"files"}
    good, broken = report["files"]
    assert set(good) == {"file", "width", "height", "outcomes", "regions", "milliseconds"}
    assert set(broken) == set(good) | {"error"}
    assert (good["file"], good["width"], good["height"]) == ("a.png", 160, 120)
    assert good["outcomes"] == {"face": "found", "tattoo": "unsure", "text": "clear", "code": "clear"}
    assert set(good["regions"][0]) == {"kind", "polygon", "score", "model"}
    assert good["regions"][0]["polygon"] == [[8.0, 8.0], [42.0, 8.0], [42.0, 42.0], [8.0, 42.0]]
    assert all(isinstance(took, float) for took in good["milliseconds"].values())
    assert set(broken["outcomes"].values()) == {"unsure"}


def test_orientation_is_applied_and_every_other_byte_of_metadata_is_gone(deidentifier, tmp_path):
    source = write(tmp_path / "in" / "turned.jpg")
    with_gps_exif(source)
    (entry,) = redact(deidentifier, [source], tmp_path / "out").files
    data = (tmp_path / "out" / "turned.jpg").read_bytes()
    assert (entry.width, entry.height) == (120, 160)
    assert read_picture(data).shape == (160, 120, 3)
    assert b"Exif" not in data
    assert b"CANARY" not in data


BAD = {
    "empty.jpg": b"",
    "letter.jpg": b"Dear nurse",
    "animation.gif.png": b"GIF89a" + bytes(40),
}


def test_a_file_that_cannot_be_done_is_said_and_does_not_stop_the_others(deidentifier, tmp_path):
    folder = tmp_path / "in"
    write(folder / "first.png")
    write(folder / "last.png")
    write(folder / "detector-fails.png", scene(height=66))
    cut = write(folder / "cut.jpg")
    cut.write_bytes(cut.read_bytes()[:-50])
    for name, data in BAD.items():
        (folder / name).write_bytes(data)
    (folder / "film.mp4").write_bytes(b"no film")
    report = redact(deidentifier, [folder, tmp_path / "absent.jpg"], tmp_path / "out")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"first.png", "last.png"}
    failed = {entry.file: entry.error for entry in report.failed}
    assert set(failed) == {*BAD, "cut.jpg", "film.mp4", "detector-fails.png", "absent.jpg"}
    for error in failed.values():
        assert error.endswith(".")
        assert "\n" not in error
    assert "nothing was kept" in failed["detector-fails.png"]


def test_an_input_is_never_overwritten(deidentifier, magenta_left, tmp_path):
    source = write(tmp_path / "a.png")
    before = source.read_bytes()
    (entry,) = redact(deidentifier, [source], tmp_path).files
    assert source.read_bytes() == before
    assert entry.output == "a-2.png"
    assert entry.to_json()["output"] == "a-2.png"
    assert not magenta_left(read_picture((tmp_path / "a-2.png").read_bytes()))


def test_an_input_reached_by_a_link_is_never_overwritten(deidentifier, tmp_path):
    source = write(tmp_path / "in" / "a.png")
    before = source.read_bytes()
    (tmp_path / "out").symlink_to(tmp_path / "in")
    redact(deidentifier, [source], tmp_path / "out")
    assert source.read_bytes() == before


def test_what_lies_beside_an_input_is_never_overwritten(deidentifier, tmp_path):
    """It is no input, and somebody's original all the same."""
    names = ("wound.png", "wound-2.png", "clip.mov", "clip.mp4")
    for name in names:
        write(tmp_path / name) if name.endswith("png") else (tmp_path / name).write_bytes(name.encode())
    before = {name: (tmp_path / name).read_bytes() for name in names}
    planned = plan([tmp_path / "wound.png", tmp_path / "clip.mov"], tmp_path)
    assert [one.output for one in planned] == ["wound-3.png", "clip-2.mp4"]
    redact(deidentifier, [tmp_path / "wound.png", tmp_path / "clip.mov"], tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names} == before


def test_a_picture_that_its_format_cannot_hold_is_said_and_the_next_is_done(deidentifier, tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "WEBP_SIDE", 159)
    write(tmp_path / "in" / "a.webp")
    write(tmp_path / "in" / "b.png")
    first, second = redact(deidentifier, [tmp_path / "in"], tmp_path / "out").files
    assert "16,383 pixels" in first.error
    assert (second.error, [file.name for file in (tmp_path / "out").iterdir()]) == ("", ["b.png"])


def test_what_nobody_foresaw_of_one_file_does_not_end_the_others(deidentifier, tmp_path, monkeypatch):
    write(tmp_path / "in" / "a.png")
    write(tmp_path / "in" / "b.png")
    read, failures = batch.read_picture, iter([ZeroDivisionError("a bug")])

    def read_or_fail(*said, **more):
        for failure in failures:
            raise failure
        return read(*said, **more)

    monkeypatch.setattr(batch, "read_picture", read_or_fail)
    first, second = redact(deidentifier, [tmp_path / "in"], tmp_path / "out").files
    assert "ZeroDivisionError" in first.error
    assert second.error == ""


def test_two_inputs_of_one_name_get_two_outputs(deidentifier, tmp_path):
    inputs = [write(tmp_path / folder / "a.png") for folder in ("one", "two", "three")]
    report = redact(deidentifier, inputs, tmp_path / "out")
    assert [entry.output for entry in report.files] == ["a.png", "a-2.png", "a-3.png"]
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_folders_keep_their_shape_and_earlier_outputs_are_no_inputs(deidentifier, tmp_path):
    folder = tmp_path / "in"
    write(folder / "deep" / "er" / "a.png")
    write(folder / "b.png")
    write(folder / ".hidden" / "c.png")
    (folder / "notes.txt").write_text("not a picture, and not called one")
    out = folder / "redacted"
    for _ in range(2):
        report = redact(deidentifier, [folder], out)
        assert [entry.file for entry in report.files] == ["b.png", "deep/er/a.png"]
        assert (out / "deep" / "er" / "a.png").is_file()


def test_an_output_that_cannot_be_written_leaves_nothing_half_written(deidentifier, tmp_path):
    write(tmp_path / "in" / "a.png")
    out = tmp_path / "out"
    (out / "a.png").mkdir(parents=True)
    (entry,) = redact(deidentifier, [tmp_path / "in"], out).files
    assert "could not be written" in entry.error
    assert [path.name for path in out.iterdir()] == ["a.png"]


def test_progress_is_told_from_nothing_to_everything(deidentifier, tmp_path):
    write(tmp_path / "in" / "a.png")
    write(tmp_path / "in" / "b.png")
    steps = []
    redact(deidentifier, [tmp_path / "in"], tmp_path / "out", progress=steps.append)
    assert [(step.done, step.total, step.share) for step in steps] == [
        (0, 2, 0.0),
        (0, 2, 1.0),
        (1, 2, 0.0),
        (1, 2, 1.0),
    ]


def test_a_plan_writes_nothing(tmp_path):
    write(tmp_path / "in" / "a.heic.png")
    before = sorted(os.walk(tmp_path))
    planned = plan([tmp_path / "in", tmp_path / "b.heic", tmp_path / "c.mov"], tmp_path / "out")
    assert [p.output for p in planned] == ["a.heic.png", "b.jpg", "c.mp4"]
    assert sorted(os.walk(tmp_path)) == before
