"""A USB or other V4L2 camera, through OpenCV.

OpenCV's calls may block for ever when a cable is loose. So a reader thread makes them, and everybody else waits for
that thread with a deadline. A reader that hangs is left alone (a daemon), and no second one is started beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, cast

import cv2
from numpy.typing import NDArray

from capture.camera.pace import Pace
from capture.camera.port import CameraSettings, fit_preview
from capture.errors import CameraHung, CameraLost, CameraMissing, CameraStalled
from inference.picture import Frame, Pixels

_ABSENT: Final = "There is no camera at {}. Plug it in; the picture comes by itself."
_HANGS: Final = "The camera hangs. Unplug it, wait a moment and plug it in again."
_REFUSED: Final = (
    "The camera at {} cannot be opened. Close other programs that use it, or unplug it and plug it in again."
)


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Whether the device is open."""
        ...

    def read(self) -> tuple[bool, Any]:
        """Whether there was a frame, and its BGR pixels."""
        ...

    def set(self, propId: int, value: float) -> bool:  # noqa: N803 - OpenCV's name
        """Ask for a property."""
        ...

    def release(self) -> None:
        """Close the device."""
        ...


def open_v4l2(device: str) -> Capture:
    """OpenCV's capture of `device`, a path or a number."""
    return cv2.VideoCapture(int(device) if device.isdigit() else device, cv2.CAP_V4L2)


class V4l2Camera:
    """One V4L2 device, kept in one mode: its full size as MJPEG, from which previews are shrunk."""

    name = "v4l2"
    notice = ""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        opener: Callable[[str], Capture] = open_v4l2,
        pace: Pace | None = None,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._pace = pace or Pace(settings.frames_per_second)
        self._reader: _Reader | None = None
        self._delivered = 0

    def open(self) -> None:
        """Open the device and wait for its first frame."""
        device, deadline_s = self._settings.device, self._settings.deadline_s
        if self._reader is not None and not self._reader.stop(deadline_s):
            raise CameraHung(_HANGS)
        self._reader = None
        if device.startswith("/") and not Path(device).exists():
            raise CameraMissing(_ABSENT.format(device))
        self._reader = _Reader(lambda: self._opened(device))
        try:
            self._reader.newer_than(0, deadline_s)
        except CameraLost:
            raise CameraMissing(_REFUSED.format(device)) from None
        self._delivered = 0

    def preview(self) -> Frame:
        """The next frame, shrunk."""
        self._pace.turn()
        pixels, taken_ns = self._after(self._delivered)
        return Frame(fit_preview(pixels), taken_ns)

    def still(self) -> Frame:
        """The next frame, as the device gives it."""
        pixels, taken_ns = self._after(None)
        return Frame(pixels, taken_ns)

    def close(self) -> None:
        """Let the reader end; it releases the device."""
        if self._reader is not None:
            self._reader.stop(0.0)

    def _after(self, sequence: int | None) -> tuple[Pixels, int]:
        """The first frame after `sequence`, or after now."""
        if self._reader is None:
            raise CameraLost
        since = self._reader.sequence if sequence is None else sequence
        self._delivered, bgr, taken_ns = self._reader.newer_than(since, self._settings.deadline_s)
        return cast("Pixels", cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)), taken_ns

    def _opened(self, device: str) -> Capture:
        capture = self._opener(device)
        if capture.isOpened():
            width, height = self._settings.still_size
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture


class _Reader:
    """The thread that makes OpenCV's calls; others only wait for it."""

    def __init__(self, opener: Callable[[], Capture]) -> None:
        self.sequence = 0
        self._opener = opener
        self._changed = threading.Condition()
        self._frame: tuple[NDArray[Any], int] | None = None
        self._ended = False
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="v4l2-reader", daemon=True).start()

    def stop(self, patience_s: float) -> bool:
        """End at the next frame; whether it has ended within `patience_s` seconds."""
        self._stop.set()
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, patience_s)

    def newer_than(self, sequence: int, deadline_s: float) -> tuple[int, NDArray[Any], int]:
        """The first frame after `sequence`: its own sequence number, BGR pixels and time.

        Raises:
            CameraLost: there will be none.
            CameraStalled: there was none in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self.sequence > sequence, deadline_s)
            if self._frame is not None and self.sequence > sequence:
                return self.sequence, *self._frame
            raise CameraLost if self._ended else CameraStalled

    def _run(self) -> None:
        capture: Capture | None = None
        try:
            capture = self._opener()
            while capture.isOpened() and not self._stop.is_set():
                done, bgr = capture.read()
                if not done:
                    break
                with self._changed:
                    self._frame = bgr, time.monotonic_ns()
                    self.sequence += 1
                    self._changed.notify_all()
        except cv2.error:
            pass  # the same as no frame: whoever waits hears that the camera is lost
        finally:
            if capture is not None:
                capture.release()
            with self._changed:
                self._ended = True
                self._changed.notify_all()
