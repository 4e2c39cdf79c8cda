"""A camera that looks at files: for the demo, for `wardlens capture`, and for tests without a sensor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from capture.camera.pace import Pace
from capture.camera.port import CameraSettings
from capture.camera.showing import SUFFIXES, Showing, show
from capture.errors import CameraMissing, PictureUnreadable
from inference.picture import Frame, Pixels

_GONE: Final = "The folder or file with the pictures is not there. Bring it back; the camera goes on by itself."
_NOTHING: Final = "There is no picture or video in the folder. Put one there; the camera goes on by itself."
_NONE_READABLE: Final = "None of the {} files is a picture that can be read. Export them as JPEG or PNG."
_DONE: Final = "All {} pictures have been taken. Start again to take them once more."
_SKIPPED: Final = "The camera is ready, but file {} of {} was skipped: {}"


class ReplayCamera:
    """Shows each picture of a row until a still is taken of it, then the next.

    Frames say in their metadata which `place` of how many (`of`) they show, counted from 1 in the order of the sources;
    files in a folder are taken by name. A file that cannot be read is skipped, and `notice` says so.
    """

    name = "replay"

    def __init__(
        self,
        settings: CameraSettings,
        *,
        pace: Pace | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._settings = settings
        self._pace = pace or Pace(settings.frames_per_second)
        self._clock_ns = clock_ns
        self._row: tuple[Path, ...] = ()
        self._place = 0
        self._showing: Showing | None = None
        self.notice = ""

    def open(self) -> None:
        """Look at the first picture, or at the one after the last that was taken."""
        self._check_sources()
        self._row = tuple(_files(self._settings.sources))
        if not self._row:
            raise CameraMissing(_NOTHING)
        if self._showing is None:
            self._show_from(self._place)

    def preview(self) -> Frame:
        """The viewfinder at its next turn: pictures drift gently, videos play."""
        seconds = self._pace.turn()
        self._check_sources()
        try:
            return self._frame(self._looking().preview(seconds))
        except PictureUnreadable as unreadable:
            raise CameraMissing(unreadable.sentence) from None

    def still(self) -> Frame:
        """The picture that is shown, full size; then the row moves on."""
        self._check_sources()
        frame = self._frame(self._looking().still())
        following = self._place + 1
        if len(self._row) > 1 or not self._settings.loop:
            self.close()
            self._place = following % len(self._row) if self._settings.loop else following
        return frame

    def close(self) -> None:
        """Let go of the file that is shown."""
        if self._showing is not None:
            self._showing.close()
            self._showing = None

    def _frame(self, pixels: Pixels) -> Frame:
        return Frame(pixels, self._clock_ns(), {"place": self._place + 1, "of": len(self._row)})

    def _looking(self) -> Showing:
        return self._showing or self._show_from(self._place)

    def _show_from(self, place: int) -> Showing:
        """Show the file at `place`, or the first readable one after it."""
        count, notice = len(self._row), ""
        for step in range(count):
            candidate = place + step
            if candidate >= count and not self._settings.loop:
                break
            candidate %= count
            try:
                self._showing = show(self._row[candidate], self._settings.limit_megapixels)
            except PictureUnreadable as unreadable:
                notice = _SKIPPED.format(candidate + 1, count, unreadable.sentence)
                continue
            self._place, self.notice = candidate, notice
            return self._showing
        if place and not self._settings.loop:
            self._place = count
            raise CameraMissing(_DONE.format(count))
        raise CameraMissing(_NONE_READABLE.format(count))

    def _check_sources(self) -> None:
        if not all(source.exists() for source in self._settings.sources):
            self.close()
            raise CameraMissing(_GONE)


def _files(sources: tuple[Path, ...]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            yield from sorted(file for file in source.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        else:
            yield source
