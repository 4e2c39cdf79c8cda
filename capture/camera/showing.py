"""What a replay camera points at: one picture or one video."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol, cast

import cv2

from capture.camera.drift import Drift
from capture.camera.port import fit_preview
from capture.errors import PictureUnreadable
from capture.pictures import PICTURE_SUFFIXES, read_picture
from inference.picture import Pixels

VIDEO_SUFFIXES: Final = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
SUFFIXES: Final = PICTURE_SUFFIXES | VIDEO_SUFFIXES

_NO_VIDEO: Final = "This video cannot be read. Export it as MP4 and try again."


class Showing(Protocol):
    """Something a replay camera can look at."""

    def preview(self, seconds: float) -> Pixels:
        """The viewfinder now."""
        ...

    def still(self) -> Pixels:
        """All of it, full size, as it is now."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def show(path: Path, limit_megapixels: float) -> Showing:
    """What is in the file at `path`.

    Raises:
        PictureUnreadable: neither a picture nor a video that can be read.
    """
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _Video(path)
    try:
        data = path.read_bytes()
    except OSError:
        raise PictureUnreadable("This file cannot be opened. Check that it is there and may be read.") from None
    return _Picture(read_picture(data, limit_megapixels=limit_megapixels))


class _Picture:
    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        self._drift = Drift.over(pixels)

    def preview(self, seconds: float) -> Pixels:
        return self._drift.at(seconds)

    def still(self) -> Pixels:
        return self._pixels

    def close(self) -> None:
        """Nothing is open: the pixels are in memory."""


class _Video:
    """Plays round and round; a still is the frame that was last shown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path))
        self._current = self._next()

    def preview(self, seconds: float) -> Pixels:
        del seconds  # a video moves by itself
        self._current = self._next()
        return fit_preview(self._current)

    def still(self) -> Pixels:
        return self._current

    def close(self) -> None:
        self._capture.release()

    def _next(self) -> Pixels:
        done, frame = self._capture.read()
        if not done:  # the end: begin again
            self._capture.release()
            self._capture = cv2.VideoCapture(str(self._path))
            done, frame = self._capture.read()
        if not done:
            raise PictureUnreadable(_NO_VIDEO)
        return cast("Pixels", cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
