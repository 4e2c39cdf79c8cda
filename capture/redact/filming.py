"""De-identified frames become an MP4: one picture track, no sound, no titles, no places."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2

from inference.picture import LiveView

_FAILED: Final = "the video encoder cannot write there"
_SHORT: Final = "the disk took only a part of the video"


class FilmWriter:
    """Writes live views, and nothing else, as one MP4."""

    def __init__(self, part: Path, rate: float) -> None:
        self._part = part
        self._rate = rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._frames = 0

    def write(self, view: LiveView) -> None:
        """One more frame.

        Raises:
            TypeError: anything but a LiveView.
            ValueError: a frame of another size than the first; the encoder would leave it out.
            OSError: the encoder cannot write there.
        """
        if type(view) is not LiveView:
            raise TypeError(f"only a LiveView can be filmed, not a {type(view).__name__}")
        size = view.width, view.height
        if self._writer is None:
            fourcc = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer, self._size = cv2.VideoWriter(str(self._part), cv2.CAP_FFMPEG, fourcc, self._rate, size), size
            if not self._writer.isOpened():
                raise OSError(_FAILED)
        if size != self._size:
            raise ValueError("the frames of one film have one size")
        self._writer.write(cv2.cvtColor(view.pixels, cv2.COLOR_RGB2BGR))
        self._frames += 1

    def close(self) -> None:
        """The file as it is; nothing says yet that it is whole."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def finish(self) -> None:
        """The file, whole: the encoder says nothing when the disk is full, so the file is asked.

        Raises:
            OSError: it holds fewer frames than were written.
        """
        self.close()
        written = cv2.VideoCapture(str(self._part), cv2.CAP_FFMPEG)
        try:
            if not written.isOpened() or written.get(cv2.CAP_PROP_FRAME_COUNT) != self._frames:
                raise OSError(_SHORT)
        finally:
            written.release()
