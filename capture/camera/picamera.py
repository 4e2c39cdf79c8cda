"""The Raspberry Pi camera, through picamera2.

One mode for its whole life: a full-size main stream for stills and a small lores stream for the viewfinder. Switching
modes exhausts contiguous memory until a reboot (picamera2 #1125, #1102), so it is never done; every request is
released, for the same reason. Each wait has a deadline, because a camera frontend that times out never tells its caller
(#873).

The module is imported when the camera is opened: on a machine without it everything else still works.
"""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from capture.camera.asked import FROM_THE_START, SCANNING, AskedControls
from capture.camera.completed import light_ns, rgb, said
from capture.camera.deadline import Deadline
from capture.camera.gains import Gains, after_frame
from capture.camera.pace import Pace
from capture.camera.port import PREVIEW_SIZE, CameraSettings, fit_preview
from capture.errors import CameraLost, CameraMissing, CameraStalled
from inference.picture import Frame

_NO_SOFTWARE: Final = "The Raspberry Pi camera software is missing. Run: sudo apt install python3-picamera2"
_NO_CAMERA: Final = "No Raspberry Pi camera is connected. Switch the device off, check the ribbon cable, switch it on."
_NO_NUMBER: Final = "A Raspberry Pi camera is named by its number. Set the camera's source to 0."
_HANGS: Final = "The camera hangs. Switch the device off, check the ribbon cable, switch it on."
_FOCUS_PATIENCE_S: Final = 1.5


class PiCamera:
    """One libcamera camera in one mode.

    Attributes:
        controls: what was asked of it since it was opened.
        streams: stream → format and size, as the pipeline gave them.
        metadata: all that the sensor said of the latest frame.
    """

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
        self._full_range = False
        self._deadline = Deadline(settings.deadline_s, "picamera", _HANGS)
        self.controls = AskedControls(())
        self.streams: Mapping[str, tuple[str, tuple[int, int]]] = {}
        self.metadata: Mapping[str, Any] = {}

    def open(self) -> None:
        """Configure and start the camera, with continuous autofocus where it has one."""
        if not self._settings.device.isdigit():
            raise CameraMissing(_NO_NUMBER)
        try:
            module = self._load()
        except ImportError:
            raise CameraMissing(_NO_SOFTWARE) from None
        try:
            self._camera = self._deadline.call(lambda: self._started(module), undo=_close)
        except RuntimeError:  # picamera2's word for "cannot be opened"
            raise CameraMissing(_NO_CAMERA) from None
        self._gains = Gains()

    def preview(self) -> Frame:
        """The latest frame of the lores stream."""
        self._pace.turn()
        with self._request() as request:
            pixels = fit_preview(rgb(request, "lores", full_range=self._full_range))
        self._gains, wanted = after_frame(self._gains, self.metadata)
        if controls := self.controls.granted(wanted):
            self._camera.set_controls(controls)
        return self._frame(pixels)

    def still(self) -> Frame:
        """A frame of the main stream whose light came after this call; waits a moment for the focus."""
        pressed_ns = time.monotonic_ns()
        until = self._clock() + _FOCUS_PATIENCE_S
        with self._request():
            pass  # it was complete before
        while True:
            with self._request() as request:
                late = self._clock() >= until
                older = light_ns(self.metadata, self._settings.deadline_s) < pressed_ns
                if late or not (older or self.metadata.get("AfState") == SCANNING):
                    return self._frame(rgb(request, "main", full_range=self._full_range))

    def close(self) -> None:
        """Stop and close, within the deadline; a camera that hangs is left to its thread."""
        camera, self._camera = self._camera, None
        if camera is not None:
            try:
                self._deadline.call(lambda: _close(camera))
            except CameraStalled:
                return  # said again, to a person, when it is opened
            del camera
            gc.collect()  # picamera2 holds its files in cycles, and with them memory that the next camera wants

    def _frame(self, pixels: Any) -> Frame:
        return Frame(pixels, light_ns(self.metadata, self._settings.deadline_s), said(self.metadata))

    def _started(self, module: Any) -> Any:
        number = int(self._settings.device)
        if number >= len(module.Picamera2.global_camera_info()):
            # A manager looks once where nobody may tell it of new cameras: the service's sandbox has no netlink.
            module.Picamera2._cm.reset()  # noqa: SLF001 - picamera2 has no other way to have it look again
            raise CameraMissing(_NO_CAMERA)
        camera, colours = module.Picamera2(number), module.libcamera.ColorSpace
        try:
            self.controls = AskedControls(camera.camera_controls)
            camera.configure(
                camera.create_still_configuration(
                    main={"size": self._settings.still_size, "format": "BGR888"},
                    lores={"size": _lores_size(self._settings.still_size), "format": "YUV420"},
                    raw=None,
                    buffer_count=4,
                    colour_space=colours.Smpte170m(),  # BT.601 in studio range, as OpenCV reads YUV; a wish
                    controls=self.controls.granted(FROM_THE_START),
                )
            )
            given = camera.camera_configuration()
            self._full_range = getattr(given["colour_space"], "range", None) == colours.Range.Full
            self.streams = {name: (str(given[name]["format"]), given[name]["size"]) for name in ("main", "lores")}
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
            self.metadata = request.get_metadata()
            yield request
        finally:
            request.release()


def _close(camera: Any) -> None:
    camera.stop()
    camera.close()


def _lores_size(still: tuple[int, int]) -> tuple[int, int]:
    """The largest even size of the still's shape within the preview's."""
    scale = min(PREVIEW_SIZE[0] / still[0], PREVIEW_SIZE[1] / still[1])
    return int(still[0] * scale) & ~1, int(still[1] * scale) & ~1
