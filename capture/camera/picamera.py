"""The Raspberry Pi camera, through picamera2.

One mode for its whole life: a full-size main stream for stills and a small lores stream for the viewfinder. Switching
modes exhausts contiguous memory until a reboot (picamera2 #1125, #1102), so it is never done; every request is
released, for the same reason. Each wait has a deadline, because a camera frontend that times out never tells its caller
(#873).

The module is imported when the camera is opened: on a machine without it everything else still works.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

import cv2
import numpy as np

from capture.camera.gains import Gains, after_frame
from capture.camera.pace import Pace
from capture.camera.port import PREVIEW_SIZE, CameraSettings
from capture.errors import CameraLost, CameraMissing, CameraStalled
from inference.picture import Frame, Pixels

T = TypeVar("T")

_NO_SOFTWARE: Final = "The Raspberry Pi camera software is missing. Run: sudo apt install python3-picamera2"
_NO_CAMERA: Final = "No Raspberry Pi camera is connected. Switch the device off, check the ribbon cable, switch it on."
_NO_NUMBER: Final = "A Raspberry Pi camera is named by its number. Set the camera's source to 0."
_HANGS: Final = "The camera hangs. Switch the device off, check the ribbon cable, switch it on."
_FRAME_TIMES_US: Final = (33_333, 200_000)
_CONTINUOUS: Final = 2  # libcamera.controls.AfModeEnum.Continuous
_SCANNING: Final = 1  # libcamera.controls.AfStateEnum.Scanning
_FOCUS_PATIENCE_S: Final = 1.5
_SAID: Final = ("ExposureTime", "AnalogueGain", "Lux", "LensPosition", "ColourTemperature")


class PiCamera:
    """One libcamera camera in one mode."""

    name = "picamera"
    notice = ""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        load: Callable[[], Any] = lambda: importlib.import_module("picamera2"),
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._load = load
        self._pace = pace or Pace(settings.frames_per_second)
        self._clock = clock
        self._camera: Any = None
        self._gains = Gains()
        self._hanging: threading.Thread | None = None

    def open(self) -> None:
        """Configure and start the camera, with continuous autofocus where it has one."""
        try:
            module = self._load()
        except ImportError:
            raise CameraMissing(_NO_SOFTWARE) from None
        if not self._settings.device.isdigit():
            raise CameraMissing(_NO_NUMBER)
        number = int(self._settings.device)
        if number >= len(module.Picamera2.global_camera_info()):
            raise CameraMissing(_NO_CAMERA)
        self._camera = self._within_deadline(lambda: self._started(module, number), undo=_close)
        self._gains = Gains()

    def preview(self) -> Frame:
        """The next frame of the lores stream."""
        self._pace.turn()
        with self._request() as request:
            metadata = request.get_metadata()
            pixels = _rgb(request, "lores")
        self._gains, controls = after_frame(self._gains, metadata)
        if controls:
            self._camera.set_controls(controls)
        return Frame(pixels, time.monotonic_ns(), _said(metadata))

    def still(self) -> Frame:
        """A frame of the main stream whose light came after this call; waits a moment for the focus."""
        until = self._clock() + _FOCUS_PATIENCE_S
        with self._request():
            pass  # it may be older than the press of the shutter
        while True:
            with self._request() as request:
                metadata = request.get_metadata()
                if metadata.get("AfState") != _SCANNING or self._clock() >= until:
                    return Frame(_rgb(request, "main"), time.monotonic_ns(), _said(metadata))

    def close(self) -> None:
        """Stop and close, within the deadline; a camera that hangs is left to its thread."""
        camera, self._camera = self._camera, None
        if camera is not None:
            try:
                self._within_deadline(lambda: _close(camera), undo=lambda _: None)
            except CameraStalled:
                return  # said again, to a person, when it is opened

    def _started(self, module: Any, number: int) -> Any:
        camera = module.Picamera2(number)
        try:
            can = camera.camera_controls
            controls: dict[str, Any] = {}
            if "FrameDurationLimits" in can:
                controls["FrameDurationLimits"] = _FRAME_TIMES_US
            if "AfMode" in can:
                controls["AfMode"] = _CONTINUOUS
            camera.configure(
                camera.create_still_configuration(
                    main={"size": self._settings.still_size, "format": "BGR888"},
                    lores={"size": _lores_size(self._settings.still_size), "format": "YUV420"},
                    raw=None,
                    buffer_count=4,
                    controls=controls,
                )
            )
            camera.start()
        except Exception:
            camera.close()
            raise
        return camera

    @contextmanager
    def _request(self) -> Iterator[Any]:
        """A completed request, released whatever happens."""
        camera = self._camera
        if camera is None:
            raise CameraLost
        job = camera.capture_request(wait=False)
        try:
            request = camera.wait(job, timeout=self._settings.deadline_s)
        except TimeoutError:
            camera.cancel_all_and_flush()
            raise CameraStalled from None
        except RuntimeError as failed:
            raise CameraLost from failed
        try:
            yield request
        finally:
            request.release()

    def _within_deadline(self, work: Callable[[], T], *, undo: Callable[[T], object]) -> T:
        """The result of `work`, which libcamera may never give; a result that comes too late is undone.

        Raises:
            CameraStalled: it took too long, or what took too long before still does.
            CameraMissing: libcamera refused.
        """
        if self._hanging is not None and self._hanging.is_alive():
            raise CameraStalled(_HANGS)
        answer: Future[T] = Future()

        def run() -> None:
            try:
                result = work()
            except Exception as failed:  # noqa: BLE001 - it is raised again in the thread that waits
                if answer.set_running_or_notify_cancel():
                    answer.set_exception(failed)
                return
            if answer.set_running_or_notify_cancel():
                answer.set_result(result)
            else:
                undo(result)

        self._hanging = threading.Thread(target=run, name="picamera", daemon=True)
        self._hanging.start()
        try:
            return answer.result(self._settings.deadline_s)
        except TimeoutError:
            if answer.cancel():
                raise CameraStalled from None
            return answer.result()  # it came in the same moment
        except RuntimeError:  # picamera2's word for "cannot be opened"
            raise CameraMissing(_NO_CAMERA) from None


def _close(camera: Any) -> None:
    camera.stop()
    camera.close()


def _lores_size(still: tuple[int, int]) -> tuple[int, int]:
    """The largest even size of the still's shape within the preview's."""
    scale = min(PREVIEW_SIZE[0] / still[0], PREVIEW_SIZE[1] / still[1])
    return int(still[0] * scale) & ~1, int(still[1] * scale) & ~1


def _rgb(request: Any, stream: str) -> Pixels:
    """A stream's picture as RGB; picamera2 names its formats by the order in memory read backwards."""
    config: Mapping[str, Any] = request.config[stream]
    layout, (width, height) = str(config["format"]), config["size"]
    if layout == "BGR888":
        return cast("Pixels", request.make_array(stream))
    if layout == "RGB888":
        return cast("Pixels", cv2.cvtColor(request.make_array(stream), cv2.COLOR_BGR2RGB))
    if layout in ("YUV420", "NV12"):
        planes = np.asarray(request.make_buffer(stream))[: config["stride"] * height * 3 // 2]
        how = cv2.COLOR_YUV2RGB_I420 if layout == "YUV420" else cv2.COLOR_YUV2RGB_NV12
        rgb = cv2.cvtColor(planes.reshape(height * 3 // 2, config["stride"]), how)
        return np.ascontiguousarray(rgb[:, :width]).astype(np.uint8, copy=False)
    raise CameraMissing(f"This camera delivers {layout}, which is not supported. Use another camera; tell IT.")


def _said(metadata: Mapping[str, Any]) -> dict[str, str | int | float]:
    """What the sensor said that is worth keeping with a picture."""
    return {name: metadata[name] for name in _SAID if isinstance(metadata.get(name), int | float)}
