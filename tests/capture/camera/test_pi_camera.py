"""The Raspberry Pi camera's logic, against a stand-in for picamera2 that records what it is asked.

No libcamera runs here: the stand-in has the signatures of picamera2 0.3 (capture_request(wait=False) gives a job,
wait(job, timeout) its request, requests are released). What the real library does is in tests/camera.
"""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from capture.camera import CameraSettings
from capture.camera.completed import light_ns
from capture.camera.gains import OTHER_FRAMES, STEADY_FRAMES, Gains, after_frame
from capture.camera.picamera import PiCamera
from capture.errors import CameraLost, CameraMissing, CameraStalled

SETTINGS = CameraSettings("picamera", device="0", still_size=(1280, 960), deadline_s=0.5, frames_per_second=1000)
STUDIO, FULL = SimpleNamespace(range="studio"), SimpleNamespace(range="full")
STRIDE = 704
"""Of the lores stream: wider than its 640 pixels, as the hardware likes it."""


class Request:
    def __init__(self, camera, metadata):
        self.camera, self.metadata = camera, metadata
        self.config = {name: camera.config[name] for name in ("main", "lores")}
        camera.outstanding += 1

    def get_metadata(self):
        return self.metadata

    def make_array(self, name):
        width, height = self.config[name]["size"]
        return np.full((height, width, 3), (200, 100, 50), np.uint8)

    def make_buffer(self, name):
        if self.camera.buffer is not None:
            return type(self.camera).buffer(self, name)
        width, height = self.config[name]["size"]
        picture = np.full((height, STRIDE, 3), (200, 100, 50), np.uint8)
        picture[:, width:] = 0
        return cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).reshape(-1)

    def release(self):
        self.camera.outstanding -= 1


class Recorded:
    """Picamera2 as far as it is used."""

    cameras = 1
    camera_controls: dict = dict.fromkeys(("AfMode", "AwbEnable", "ColourGains", "FrameDurationLimits"), (0, 0, 0))
    metadata = ({"ColourGains": (1.5, 2.0), "Lux": 300.0, "ExposureTime": 9000, "AfState": 2},)
    buffer = colours = None
    fail_start = False
    silent = False
    made: list = []  # noqa: RUF012 - what was made, for the test to look at
    _cm = SimpleNamespace(reset=lambda: None)

    @classmethod
    def global_camera_info(cls):
        return [{"Num": n} for n in range(cls.cameras)]

    def __init__(self, number):
        self.number = number
        self.calls, self.controls, self.outstanding, self.config = [], [], 0, None
        self.frames = iter(self._frames())
        type(self).made.append(self)

    def _frames(self):
        yield from self.metadata
        while True:
            yield self.metadata[-1]

    def create_still_configuration(self, **asked):
        self.asked = asked
        return {
            "colour_space": self.colours or asked["colour_space"],
            "main": {**asked["main"], "stride": asked["main"]["size"][0] * 3},
            "lores": {**asked["lores"], "stride": STRIDE},
        }

    def configure(self, config):
        self.calls.append("configure")
        self.config = config

    def camera_configuration(self):
        return self.config

    def start(self):
        self.calls.append("start")
        if self.fail_start:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")

    def set_controls(self, controls):
        self.controls.append(controls)

    def capture_request(self, *, wait):
        assert wait is False
        return SimpleNamespace(metadata=next(self.frames))

    def wait(self, job, *, timeout):
        if self.silent:
            raise TimeoutError
        return Request(self, job.metadata)

    def cancel_all_and_flush(self):
        self.calls.append("flush")

    def stop(self):
        self.calls.append("stop")

    def close(self):
        self.calls.append("close")


def module(camera):
    colours = SimpleNamespace(Smpte170m=lambda: STUDIO, Range=SimpleNamespace(Full="full"))
    return SimpleNamespace(Picamera2=camera, libcamera=SimpleNamespace(ColorSpace=colours))


@pytest.fixture
def picamera2():
    return module(type("Fresh", (Recorded,), {"made": []}))


@pytest.fixture
def camera(picamera2):
    return PiCamera(SETTINGS, load=lambda: picamera2)


def test_one_mode_with_main_and_lores_is_configured_once_and_never_switched(camera, picamera2):
    camera.open()
    for _ in range(3):
        camera.preview()
        camera.still()
    (made,) = picamera2.Picamera2.made
    assert made.calls == ["configure", "start"]
    assert made.asked["main"] == {"size": (1280, 960), "format": "BGR888"}
    assert made.asked["lores"] == {"size": (640, 480), "format": "YUV420"}
    assert made.asked["colour_space"] is STUDIO, "which is how OpenCV reads YUV"


def test_every_request_is_released(camera, picamera2):
    camera.open()
    for _ in range(5):
        camera.preview()
        camera.still()
    assert picamera2.Picamera2.made[0].outstanding == 0


def test_previews_are_lores_without_padding_and_stills_are_main_both_rgb(camera):
    camera.open()
    preview, still = camera.preview(), camera.still()
    assert (preview.width, preview.height) == (640, 480)
    assert (still.width, still.height) == (1280, 960)
    for frame in (preview, still):
        assert np.abs(frame.pixels.astype(int) - (200, 100, 50)).max() <= 4
    assert still.metadata["ExposureTime"] == 9000


def test_continuous_autofocus_is_set_where_the_camera_has_it(camera, picamera2):
    camera.open()
    assert picamera2.Picamera2.made[0].asked["controls"]["AfMode"] == 2


def test_a_camera_without_autofocus_is_asked_for_none(camera, picamera2):
    picamera2.Picamera2.camera_controls = {}
    camera.open()
    assert picamera2.Picamera2.made[0].asked["controls"] == {}


def test_what_a_camera_lacks_is_not_asked_of_it_and_is_known(camera, picamera2):
    picamera2.Picamera2.camera_controls = {"AfMode": (0, 2, 0)}
    camera.open()
    for _ in range(STEADY_FRAMES + 3):
        camera.preview()
    assert list(camera.controls.asked) == [{"AfMode": 2}]
    assert camera.controls.lacking == {"FrameDurationLimits", "AwbEnable", "ColourGains"}
    assert picamera2.Picamera2.made[0].controls == []


def test_yuv_that_came_in_full_range_is_read_so(camera, picamera2):
    def dark(request, name):
        height = request.config[name]["size"][1]
        luma, chroma = np.full((height, STRIDE), 3, np.uint8), np.full((height // 2, STRIDE), 128, np.uint8)
        return np.concatenate([luma, chroma]).reshape(-1)

    picamera2.Picamera2.colours = FULL
    picamera2.Picamera2.buffer = dark
    camera.open()
    assert np.abs(camera.preview().pixels.astype(int) - 3).max() <= 1, "in studio range this would be black"


def test_a_pipeline_that_gives_lores_at_full_size_still_makes_previews(camera, picamera2):
    def adjusted(made, **asked):
        stream = {"size": (1280, 960), "format": "BGR888", "stride": 3840}
        return {"colour_space": STUDIO, "main": stream, "lores": stream}

    picamera2.Picamera2.create_still_configuration = adjusted
    camera.open()
    assert (camera.preview().width, camera.still().width) == (640, 1280)
    assert camera.streams["lores"] == ("BGR888", (1280, 960))


def test_a_still_is_of_light_that_came_after_the_shutter(picamera2):
    exposure_us = 50_000

    class Stamped(picamera2.Picamera2):
        def capture_request(self, *, wait):
            self.age_ns = getattr(self, "age_ns", 400_000_000) - 100_000_000
            stamp = time.monotonic_ns() - self.age_ns
            return SimpleNamespace(metadata={"SensorTimestamp": stamp, "ExposureTime": exposure_us})

    camera = PiCamera(SETTINGS, load=lambda: module(Stamped))
    camera.open()
    before = time.monotonic_ns()
    assert camera.still().monotonic_ns >= before


def test_a_frame_is_as_old_as_the_sensor_says_and_no_older_than_can_be():
    now = 10_000_000_000
    assert light_ns({"SensorTimestamp": now - 50_000_000, "ExposureTime": 20_000}, 3.0, now) == now - 70_000_000
    for unbelievable in ({}, {"SensorTimestamp": now + 1}, {"SensorTimestamp": 1}, {"SensorTimestamp": "yesterday"}):
        assert light_ns(unbelievable, 3.0, now) == now


def test_a_still_waits_for_the_focus_but_not_for_ever(picamera2):
    scanning = {"AfState": 1, "LensPosition": 1.0}
    picamera2.Picamera2.metadata = (scanning, scanning, scanning, {"AfState": 2, "LensPosition": 5.0})
    camera = PiCamera(SETTINGS, load=lambda: picamera2)
    camera.open()
    assert camera.still().metadata["LensPosition"] == 5.0
    picamera2.Picamera2.metadata = (scanning,)
    times = iter(range(100))
    hunting = PiCamera(SETTINGS, load=lambda: picamera2, clock=lambda: next(times) * 0.5)
    hunting.open()
    assert hunting.still().metadata["LensPosition"] == 1.0


def test_gains_are_locked_once_they_stand_still(camera, picamera2):
    camera.open()
    for _ in range(STEADY_FRAMES + 3):
        camera.preview()
    assert picamera2.Picamera2.made[0].controls == [{"AwbEnable": False, "ColourGains": (1.5, 2.0)}]


def test_a_camera_that_stops_delivering_is_stalled_and_flushed(camera, picamera2):
    camera.open()
    picamera2.Picamera2.silent = True
    with pytest.raises(CameraStalled):
        camera.preview()
    camera.close()
    assert picamera2.Picamera2.made[0].calls == ["configure", "start", "flush", "stop", "close"]
    picamera2.Picamera2.silent = False
    camera.open()
    assert camera.preview().width == 640


def test_a_start_that_hangs_is_stalled_and_is_not_tried_twice_at_once(picamera2):
    hang = threading.Event()

    class Hanging(picamera2.Picamera2):
        def start(self):
            hang.wait(10)
            super().start()

    camera = PiCamera(
        CameraSettings("picamera", still_size=(1280, 960), deadline_s=0.05),
        load=lambda: module(Hanging),
    )
    for _ in range(3):
        with pytest.raises(CameraStalled):
            camera.open()
    (made,) = Hanging.made
    hanging = camera._deadline._hanging
    hang.set()
    hanging.join(5)
    assert made.calls == ["configure", "start", "stop", "close"], "what came too late is undone"


def test_a_missing_module_a_missing_camera_and_a_busy_one_are_said(picamera2):
    def absent():
        raise ImportError

    with pytest.raises(CameraMissing, match="apt install python3-picamera2"):
        PiCamera(SETTINGS, load=absent).open()
    picamera2.Picamera2.fail_start = True
    with pytest.raises(CameraMissing, match="ribbon cable"):
        PiCamera(SETTINGS, load=lambda: picamera2).open()
    assert picamera2.Picamera2.made[0].calls[-1] == "close"
    picamera2.Picamera2.cameras = 0
    with pytest.raises(CameraMissing, match="ribbon cable"):
        PiCamera(SETTINGS, load=lambda: picamera2).open()


def test_a_path_in_place_of_a_number_is_said(picamera2):
    with pytest.raises(CameraMissing, match="source to 0"):
        PiCamera(CameraSettings("picamera", device="/dev/video0"), load=lambda: picamera2).open()


def test_a_camera_that_was_never_opened_is_lost_not_a_crash(camera):
    with pytest.raises(CameraLost):
        camera.preview()
    camera.close()


def test_gains_are_let_go_when_the_light_is_another_for_a_while():
    locked = Gains((1.5, 2.0), locked=True, lux=300.0)
    gains, controls = after_frame(locked, {"ColourGains": (1.5, 2.0), "Lux": 900.0})
    assert controls == {}, "one frame of other light is a hand before the lens"
    for _ in range(OTHER_FRAMES - 1):
        gains, controls = after_frame(gains, {"ColourGains": (1.5, 2.0), "Lux": 900.0})
    assert controls == {"AwbEnable": True}
    assert gains == Gains()


def test_gains_that_wander_are_never_locked():
    gains = Gains()
    for step in range(50):
        gains, controls = after_frame(gains, {"ColourGains": (1.5 + 0.1 * (step % 2), 2.0), "Lux": 300.0})
        assert controls == {}


def test_a_sensor_without_gains_is_left_alone():
    assert after_frame(Gains(), {"Lux": 10.0}) == (Gains(), {})
