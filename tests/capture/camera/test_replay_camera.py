"""The camera that looks at files."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from capture.camera import CameraSettings, ReplayCamera, open_camera
from capture.camera.pace import Pace
from capture.errors import CameraMissing

COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self):
        self.now = 100.0
        self.waits = []

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


def write(path, rgb, size=(900, 700)):
    noise = np.random.default_rng(1).integers(0, 40, (size[1], size[0], 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), (noise + np.array(rgb[::-1], np.uint8)).astype(np.uint8))


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, colour in enumerate(COLOURS):
        write(pictures / f"{number}.png", colour)
    return pictures


def camera_over(*sources, clock=None, **settings):
    clock = clock or Clock()
    pace = Pace(settings.get("frames_per_second", 30), clock=clock, wait=clock.wait)
    return ReplayCamera(CameraSettings("replay", sources, **settings), pace=pace, clock_ns=lambda: int(clock.now * 1e9))


def colour_of(frame):
    return int(np.argmax(frame.pixels.reshape(-1, 3).mean(axis=0)))


def test_a_preview_fits_and_a_still_is_full_size(folder):
    camera = camera_over(folder)
    camera.open()
    preview = camera.preview()
    assert (preview.width, preview.height) == (617, 480)
    assert (camera.still().width, camera.still().height) == (900, 700)


def test_a_small_picture_is_never_enlarged(tmp_path):
    write(tmp_path / "a.png", COLOURS[0], (300, 200))
    camera = camera_over(tmp_path / "a.png")
    camera.open()
    assert (camera.preview().width, camera.preview().height) == (300, 200)


def test_each_still_is_what_was_shown_and_then_the_next_is_shown_for_ever(folder):
    camera = camera_over(folder)
    camera.open()
    for turn in range(7):
        assert colour_of(camera.preview()) == turn % 3
        still = camera.still()
        assert colour_of(still) == turn % 3
        assert dict(still.metadata) == {"place": turn % 3 + 1, "of": 3}


def test_without_a_loop_the_last_picture_is_the_last(folder):
    camera = camera_over(folder, loop=False)
    camera.open()
    assert [colour_of(camera.still()) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(CameraMissing, match="All 3 pictures have been taken"):
        camera.preview()
    with pytest.raises(CameraMissing, match="All 3"):
        camera.open()


def test_the_viewfinder_of_a_still_picture_moves_gently(folder):
    camera = camera_over(folder)
    camera.open()
    frames = [camera.preview().pixels.astype(int) for _ in range(10)]
    steps = [np.abs(one - other).mean() for one, other in itertools.pairwise(frames)]
    assert min(steps) > 0
    assert np.abs(frames[0].mean() - frames[-1].mean()) < 3, "it stays the same picture"


def test_previews_come_at_the_rate_that_was_asked_for(folder):
    clock = Clock()
    camera = camera_over(folder, clock=clock, frames_per_second=25)
    camera.open()
    begin = clock.now
    for _ in range(26):
        camera.preview()
    assert clock.now - begin == pytest.approx(1.0, abs=0.05)
    clock.now += 5
    camera.preview()
    waited = len(clock.waits)
    camera.preview()
    assert len(clock.waits) == waited + 1, "a late turn is not made up for"


def test_a_file_that_is_no_picture_is_skipped_and_said_without_its_name(folder):
    (folder / "1.png").write_text("patient-name-canary")
    camera = camera_over(folder)
    camera.open()
    assert camera.notice == ""
    camera.still()
    assert colour_of(camera.preview()) == 2
    assert "file 2 of 3 was skipped" in camera.notice
    assert "canary" not in camera.notice
    camera.still()
    assert colour_of(camera.preview()) == 0
    assert camera.notice == ""


def test_a_folder_with_nothing_readable_is_said(tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear nurse")
    with pytest.raises(CameraMissing, match="None of the 1 files"):
        camera_over(tmp_path).open()


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(CameraMissing, match="no picture or video"):
        camera_over(tmp_path).open()


def test_a_folder_that_vanishes_is_said_and_goes_on_when_it_is_back(folder):
    camera = camera_over(folder)
    camera.open()
    camera.still()
    away = folder.rename(folder.with_name("away"))
    for ask in (camera.preview, camera.still, camera.open):
        with pytest.raises(CameraMissing, match="not there"):
            ask()
    away.rename(folder)
    camera.open()
    assert colour_of(camera.preview()) == 1


def test_a_video_plays_round_and_a_still_is_what_was_last_shown(tmp_path):
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (1280, 720))
    for step in range(5):
        writer.write(np.full((720, 1280, 3), 40 * step + 20, np.uint8))
    writer.release()
    camera = camera_over(path)
    camera.open()
    levels = []
    for _ in range(12):
        frame = camera.preview()
        levels.append(round(float(frame.pixels.mean()) / 40))
        still = camera.still()
        assert (still.width, still.height) == (1280, 720)
        assert abs(float(still.pixels.mean()) - float(frame.pixels.mean())) < 2
    assert (frame.width, frame.height) == (640, 360)
    assert sorted(set(levels)) == sorted(set(levels[:6])), "it plays round"
    assert len(set(levels)) == 5


def test_a_video_that_is_none_is_skipped(folder):
    (folder / "0.png").rename(folder / "0.mp4")
    (folder / "0.mp4").write_text("no film")
    camera = camera_over(folder)
    camera.open()
    assert colour_of(camera.preview()) == 1


def test_an_adapter_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="there are picamera, replay, v4l2"):
        open_camera(CameraSettings("webcam"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"adapter": "replay"},
        {"adapter": "v4l2", "frames_per_second": 0},
        {"adapter": "v4l2", "deadline_s": 0},
        {"adapter": "v4l2", "still_size": (100, 100)},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"camera|still"):
        CameraSettings(**wrong)
