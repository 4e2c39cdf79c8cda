"""What every camera is to the rest of the device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import cv2

from inference.picture import Frame, Pixels

PREVIEW_SIZE: Final = (640, 480)
"""The most a preview measures, width × height."""


class Camera(Protocol):
    """A source of Frames, used from one thread. Every call returns or raises within the adapter's deadline."""

    @property
    def name(self) -> str:
        """What kind of camera it is, for people; never a file's name."""
        ...

    @property
    def notice(self) -> str:
        """One sentence about something that a person should know although the camera works, or ""."""
        ...

    def open(self) -> None:
        """Make the camera ready to deliver. A camera that was closed can be opened again.

        Raises:
            CameraMissing: it is not there.
            CameraStalled: it is there and did not start in time.
            CameraHung: a call that took too long before still does.
        """
        ...

    def preview(self) -> Frame:
        """The next moment of the viewfinder, at most :data:`PREVIEW_SIZE`; waits for it.

        Raises:
            CameraLost: it is gone.
            CameraStalled: nothing came in time.
        """
        ...

    def still(self) -> Frame:
        """A full-size picture of now.

        Raises:
            CameraLost: it is gone.
            CameraStalled: nothing came in time.
        """
        ...

    def close(self) -> None:
        """Give the camera back; harmless when it is not open."""
        ...


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Which camera, and how it is run.

    Attributes:
        adapter: a name in the table of adapters: replay, v4l2, picamera.
        sources: replay: picture files, videos and folders, in this order.
        loop: replay: begin again after the last one.
        device: v4l2: a path such as /dev/video0 or a number; picamera: a number.
        still_size: v4l2 and picamera: full size to ask the sensor for, width × height.
        frames_per_second: how often a preview is delivered, at most.
        deadline_s: how long a frame may take before the camera counts as stalled.
        limit_megapixels: replay: larger pictures are skipped.
    """

    adapter: str
    sources: tuple[Path, ...] = field(default=(), repr=False)
    loop: bool = True
    device: str = "0"
    still_size: tuple[int, int] = (4056, 3040)
    frames_per_second: float = 30.0
    deadline_s: float = 3.0
    limit_megapixels: float = 64.0

    def __post_init__(self) -> None:
        if self.frames_per_second <= 0 or self.deadline_s <= 0:
            raise ValueError("a camera's frame rate and deadline are positive")
        if min(self.still_size) < PREVIEW_SIZE[1]:
            raise ValueError("a still is at least as large as a preview")
        if self.adapter == "replay" and not self.sources:
            raise ValueError("a replay camera needs at least one picture, video or folder")


def fit_preview(pixels: Pixels) -> Pixels:
    """`pixels` shrunk, never stretched, to lie within :data:`PREVIEW_SIZE`."""
    height, width = pixels.shape[:2]
    scale = min(PREVIEW_SIZE[0] / width, PREVIEW_SIZE[1] / height)
    if scale >= 1.0:
        return pixels
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
