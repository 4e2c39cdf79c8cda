"""The V4L2 camera: OpenCV's own capture over a file stands for a device; one that hangs is simulated."""

from __future__ import annotations

import threading
from collections import deque

import cv2
import numpy as np
import pytest

from capture.camera import CameraSettings
from capture.camera.v4l2 import V4l2Camera
from capture.errors import CameraLost, CameraMissing, CameraStalled


class Throttled:
    """OpenCV's capture of a file, one frame each time the test allows it; it hangs while the test says so."""

    def __init__(self, path):
        self._capture = cv2.VideoCapture(str(path))
        self.allowed = threading.Semaphore(0)
        self.released = threading.Event()
        self.isOpened = self._capture.isOpened

    def set(self, _property, _value):
        return True

    def read(self):
        self.allowed.acquire()
        return self._capture.read()

    def release(self):
        self._capture.release()
        self.released.set()


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "device.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (1280, 720))
    for step in range(6):
        writer.write(np.full((720, 1280, 3), (10, 20, 30 * step + 40), np.uint8))
    writer.release()
    return path


def camera_over(opened, deadline_s=5.0):
    settings = CameraSettings("v4l2", device="0", deadline_s=deadline_s, frames_per_second=1000)
    return V4l2Camera(settings, opener=lambda _device: opened())


def test_previews_are_small_stills_are_full_and_both_are_rgb(film):
    device = Throttled(film)
    device.allowed.release(100)
    opened = iter([device])
    camera = camera_over(lambda: next(opened))
    camera.open()
    preview = camera.preview()
    assert (preview.width, preview.height) == (640, 360)
    assert preview.pixels[0, 0, 0] > preview.pixels[0, 0, 2]
    camera.close()
    assert device.released.wait(5)


def test_a_still_is_a_frame_that_came_after_the_shutter(film):
    device = Throttled(film)
    device.allowed.release(1)
    camera = camera_over(lambda: device)
    camera.open()
    first = camera.preview()
    threading.Timer(0.05, device.allowed.release).start()
    still = camera.still()
    assert (still.width, still.height) == (1280, 720)
    assert still.monotonic_ns > first.monotonic_ns
    device.allowed.release(100)
    camera.close()


def test_a_camera_that_is_unplugged_is_lost_and_can_be_opened_again(film):
    devices = [Throttled(film), Throttled(film)]
    for device in devices:
        device.allowed.release(100)
    opened = iter(devices)
    camera = camera_over(lambda: next(opened))
    camera.open()
    with pytest.raises(CameraLost):
        deque(iter(camera.preview, None), maxlen=0)
    camera.open()
    assert camera.preview().width == 640
    camera.close()


def test_a_camera_that_stops_delivering_is_stalled_within_its_deadline(film):
    device = Throttled(film)
    device.allowed.release(1)
    camera = camera_over(lambda: device, deadline_s=0.2)
    camera.open()
    camera.preview()
    with pytest.raises(CameraStalled):
        camera.preview()
    with pytest.raises(CameraStalled):
        camera.still()
    device.allowed.release(100)
    camera.close()


def test_no_second_reader_is_started_beside_one_that_hangs(film):
    device, count = Throttled(film), []

    def opened():
        count.append(1)
        return device

    camera = camera_over(opened, deadline_s=0.1)
    for _ in range(4):
        with pytest.raises(CameraStalled):
            camera.open()
        camera.close()
    assert len(count) == 1
    device.allowed.release(100)
    assert device.released.wait(5)


def test_a_device_that_is_not_there_is_missing(tmp_path):
    camera = V4l2Camera(CameraSettings("v4l2", device=str(tmp_path / "video9")))
    with pytest.raises(CameraMissing, match="Plug it in"):
        camera.open()


def test_a_device_that_cannot_be_opened_is_missing(tmp_path):
    nothing = tmp_path / "video9"
    nothing.write_bytes(b"")
    camera = V4l2Camera(CameraSettings("v4l2", device=str(nothing)))
    with pytest.raises(CameraMissing, match="cannot be opened"):
        camera.open()


def test_an_error_inside_opencv_is_a_lost_camera():
    class Failing(Throttled):
        def read(self):
            raise cv2.error("select() timeout")

    camera = camera_over(lambda: Failing("nothing"))
    with pytest.raises(CameraMissing):
        camera.open()
