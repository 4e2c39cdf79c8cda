"""Films and strange pictures with the real models, and through the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.pictures import read_picture
from capture.redact import redact
from inference import Deidentifier

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def engine(models_folder):
    loaded = Deidentifier.load(models_folder, threads=1)
    yield loaded
    loaded.close()


def label(quarters=0):
    """A wristband's label on skin, turned by so many quarters; its ink is red, which neither skin nor fill is."""
    noise = np.random.default_rng(5).normal(0, 3, (240, 320, 1))
    scene = np.clip(np.array((205.0, 160, 135)) + noise, 0, 255).astype(np.uint8)
    cv2.rectangle(scene, (40, 90), (280, 140), (245, 245, 245), -1)
    cv2.putText(scene, "MILLER ANNA 1957", (50, 122), cv2.FONT_HERSHEY_SIMPLEX, 0.75, (160, 10, 10), 2)
    return np.ascontiguousarray(np.rot90(scene, quarters))


def ink(frame):
    """How many pixels of the label's ink can be seen."""
    return int((frame[:, :, 0].astype(int) - frame[:, :, 1] > 80).sum())


@pytest.mark.parametrize("quarters", [0, 1])
def test_a_label_in_a_short_film_is_covered_in_every_frame(engine, films, tmp_path, quarters):
    still = label(quarters)
    source = films.write(tmp_path / "a.mp4", [np.roll(still, step, axis=1) for step in range(6)])
    before = [ink(frame) for frame in films.frames(source)]
    assert min(before) > 800
    (entry,) = redact(engine, [source], tmp_path / "out").files
    assert entry.film["covered"] == entry.film["frames"] == 6
    after = [ink(frame) for frame in films.frames(tmp_path / "out" / "a.mp4")]
    assert len(after) == 6
    assert max(after) < 20


@pytest.mark.parametrize("size", [(16, 16), (16, 17), (16, 128), (128, 16), (1600, 200), (200, 1600)])
def test_the_smallest_and_the_longest_pictures_that_are_read_come_out_at_their_own_size(engine, tmp_path, size):
    pixels = np.full((size[1], size[0], 3), (135, 160, 205), np.uint8)
    pixels[:, : size[0] // 2] = 90
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    (entry,) = redact(engine, [tmp_path / "a.png"], tmp_path / "out").files
    assert (entry.error, entry.width, entry.height) == ("", *size)
    assert read_picture((tmp_path / "out" / "a.png").read_bytes()).shape == pixels.shape


@pytest.fixture
def command(models_folder, tmp_path):
    """Starts `wardlens redact`."""

    def start(*arguments):
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from firmware.command import main; main()"
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(
            [sys.executable, "-c", code, "redact", *map(str, arguments)],
            env=environment | {"WARDLENS_MODELS": str(models_folder)},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_the_command_refuses_what_is_strange_and_writes_nothing_of_it(command, films, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    whole = films.write(folder / "cut.mp4", [label()] * 3).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[:-40])
    (folder / "none.mp4").write_bytes(b"")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    cv2.imwrite(str(folder / "pixel.png"), np.zeros((1, 1, 3), np.uint8))
    cv2.imwrite(str(folder / "wall.png"), np.zeros((10_000, 10_000), np.uint8))
    with command(folder, "--out", out, "--json", tmp_path / "report.json") as running:
        said = running.communicate(timeout=300)[1]
    assert running.returncode == 1
    assert "Traceback" not in said
    for words in ("cut.mp4: This video ends", "none.mp4: This is no video", "HEIC", "too small", "100 megapixels"):
        assert words in said, said
    assert not out.exists() or list(out.rglob("*")) == []
    assert {bool(entry["error"]) for entry in json.loads((tmp_path / "report.json").read_text())["files"]} == {True}


def test_the_command_goes_on_with_a_film_after_it_was_killed(command, films, tmp_path):
    source = films.write(tmp_path / "a.mp4", [np.roll(label(), step, axis=1) for step in range(24)])
    log = tmp_path / "out" / ".a.mp4.sightings"
    with command(source, "--out", tmp_path / "out") as running:
        while not (log.exists() and log.read_bytes().count(b"\n") >= 5):
            with suppress(subprocess.TimeoutExpired):
                assert running.wait(0.02) is None, "it ended before it was killed"
        running.send_signal(signal.SIGKILL)
    kept = log.read_bytes()
    assert 5 <= kept.count(b"\n") < 26
    with command(source, "--out", tmp_path / "out", "--json", tmp_path / "report.json") as running:
        said = running.communicate(timeout=300)[1]
    assert running.returncode == 0, said
    assert "covering a.mp4" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.mp4"]
    (entry,) = json.loads((tmp_path / "report.json").read_text())["files"]
    assert (entry["film"]["frames"], entry["film"]["covered"]) == (24, 24)
