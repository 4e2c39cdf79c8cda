"""The Raspberry Pi camera's adapter against the real picamera2 and libcamera, with libcamera's virtual camera."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from capture.camera import CameraState, CameraSupervisor
from capture.errors import CameraHung, CameraMissing, CameraStalled

STILL, LORES = (1920, 1440), (640, 480)
FRAMES = 10_000
MIB = 2**20


def shown(pictures, size):
    """What the virtual camera shows first, as it should arrive."""
    scenes = [cv2.imread(str(picture)) for picture in sorted(pictures.glob("*.jpg"))]
    return [cv2.cvtColor(cv2.resize(scene, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB) for scene in scenes]


def differs(pixels, pictures):
    """The mean difference to the nearest of what the camera sees, 0 to 255."""
    size = pixels.shape[1], pixels.shape[0]
    return min(float(np.abs(pixels.astype(int) - seen).mean()) for seen in shown(pictures, size))


def test_both_streams_come_from_one_mode_and_show_what_is_before_the_camera(make_camera, pictures):
    camera = make_camera()
    camera.open()
    assert camera.streams == {"main": ("NV12", STILL), "lores": ("NV12", LORES)}
    preview, still = camera.preview(), camera.still()
    assert ((preview.width, preview.height), (still.width, still.height)) == (LORES, STILL)
    assert differs(preview.pixels, pictures) < 3
    assert differs(still.pixels, pictures) < 3
    swapped = still.pixels[:, :, ::-1]
    assert differs(swapped, pictures) > 2 * differs(still.pixels, pictures), "red is red and blue is blue"


def test_a_camera_without_a_small_stream_still_makes_previews(make_camera, pictures):
    camera = make_camera(device="1")
    camera.open()
    assert camera.streams["lores"] == ("NV12", STILL)
    assert (camera.preview().width, camera.preview().height) == LORES
    assert differs(camera.preview().pixels, pictures) < 3


def test_the_latest_frame_wins_over_those_that_nobody_took(make_camera, until):
    camera = make_camera()
    camera.open()
    camera.preview()
    seen = camera._camera.frames
    until(lambda: camera._camera.frames > seen + 10)
    called_ns = time.monotonic_ns()
    frame = camera.preview()
    assert called_ns - frame.monotonic_ns < 200_000_000, "not one of the ten that came meanwhile"


def test_a_still_is_taken_after_the_shutter_while_the_view_goes_on(make_camera):
    camera = make_camera()
    camera.open()
    for _ in range(10):
        pressed_ns = time.monotonic_ns()
        assert camera.still().monotonic_ns >= pressed_ns
        assert camera.preview().monotonic_ns > pressed_ns


def test_what_the_virtual_camera_lacks_is_known_and_not_asked_of_it(make_camera):
    camera = make_camera()
    camera.open()
    camera.preview()
    assert camera.controls.lacking == {"AfMode"}
    assert [set(asked) for asked in camera.controls.asked] == [{"FrameDurationLimits"}]
    assert "SensorTimestamp" in camera.metadata


def test_a_camera_that_is_not_there_is_found_when_it_comes(make_camera, virtual):
    virtual.TROUBLE.unplug()
    camera = make_camera()
    for _ in range(2):
        with pytest.raises(CameraMissing, match="ribbon cable"):
            camera.open()
    virtual.TROUBLE.over()
    camera.open()
    assert camera.preview().width == LORES[0]


@pytest.mark.parametrize(
    ("trouble", "state", "seconds"),
    [("silence", CameraState.STALLED, 5), ("unplug", CameraState.MISSING, 10)],
    ids=["falls silent", "is taken away"],
)
def test_a_camera_that_is_in_trouble_is_said_and_comes_back_by_itself(make_camera, virtual, trouble, state, seconds):
    supervisor = CameraSupervisor(make_camera(deadline_s=1.0), retry_s=0.05)
    supervisor.start()
    try:
        assert supervisor.wait_until(CameraState.READY, 20)
        getattr(virtual.TROUBLE, trouble)()
        assert supervisor.wait_until(state, seconds)
        virtual.TROUBLE.over()
        assert supervisor.wait_until(CameraState.READY, 20)
        assert supervisor.still().width == STILL[0]
    finally:
        virtual.TROUBLE.over()
        supervisor.stop(5.0)


def test_opening_again_and_again_keeps_neither_files_nor_threads(make_camera):
    camera = make_camera()

    def once():
        camera.open()
        camera.preview()
        camera.still()
        camera.close()
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    first = [once() for _ in range(3)][-1]
    assert [once() for _ in range(7)][-1] == first


def test_ten_thousand_frames_leave_no_memory_behind(make_camera, virtual, resident_bytes):
    virtual.TROUBLE.frames_per_second = 0
    camera = make_camera(still_size=LORES, frames_per_second=100_000.0)
    camera.open()

    def take(frames):
        for number in range(frames):
            camera.preview()
            if number % 500 == 0:
                camera.still()

    take(FRAMES // 10)
    before = resident_bytes()
    take(FRAMES)
    grown = (resident_bytes() - before) / MIB
    sys.stderr.write(f"\n{FRAMES} frames: {grown:+.2f} MiB on {before / MIB:.0f}\n")
    assert grown < 4, "the bar of the whole service is 1 MiB in 1,000 frames"


def test_libcamera_holds_the_interpreter_while_it_works(make_camera):
    """Which is why no deadline in Python can end a call that hangs in it (ADR 0019)."""
    gaps, over = [0.0], threading.Event()

    def tick():
        last = time.monotonic()
        while not over.wait(0.002):
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    ticking = threading.Thread(target=tick)
    ticking.start()
    camera = make_camera(device="2", still_size=(4056, 3040))
    try:
        camera.open()
    finally:
        over.set()
        ticking.join()
    assert max(gaps) > 0.02, gaps


def test_what_hangs_is_stalled_then_hung_and_never_called_twice(make_camera, virtual):
    camera = make_camera(deadline_s=1.5)
    camera.open()
    camera.preview()
    threads = threading.active_count()
    stop = camera._camera.stop
    hang = threading.Event()
    camera._camera.stop = lambda: (hang.wait(20), stop())
    camera.close()
    for _ in range(3):
        with pytest.raises(CameraHung):
            camera.open()
    assert threading.active_count() == threads + 1
    hang.set()
    camera._deadline._hanging.join(20)
    camera.open()
    assert camera.preview().width == LORES[0]
    assert issubclass(CameraHung, CameraStalled)
