"""A video file as upright frames with their times. No other part of it (sound, titles, places) is ever read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import cv2

from capture.errors import PictureUnreadable
from capture.pictures import check_size
from capture.redact.container import NO_VIDEO, check_container
from inference.picture import Pixels

_USUAL_RATE: Final = 25.0
_LONGEST_STEP_NS: Final = 200_000_000
_SHORTEST_STEP_MS: Final = 4.0
"""Of 240 frames a second, in whole milliseconds. In a film stamped faster, what is held for a time would be held for
hundreds of frames, and hardly one looked at closely."""


class PlayTime:
    """Turns what a file says of its frames' times into times that what is held can be counted in.

    They begin at 0 and always grow. A step is at most 200 ms, so that in a slow or wrongly stamped film, too, what was
    seen is held over two frames at least; one that is shorter than any film's counts as the usual one.
    """

    def __init__(self, rate: float) -> None:
        self._usual_ns = round(1e9 / rate)
        self._said_ms: float | None = None
        self._now_ns = 0

    def next(self, said_ms: float) -> int:
        """When the next frame is shown, nanoseconds, given the milliseconds that the file says."""
        if self._said_ms is not None:
            step = said_ms - self._said_ms
            usable = math.isfinite(step) and step >= _SHORTEST_STEP_MS
            self._now_ns += min(_LONGEST_STEP_NS, round(step * 1e6) if usable else self._usual_ns)
        self._said_ms = said_ms
        return self._now_ns


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of the footage, decoded when it is asked for.

    Attributes:
        at_ns: when it is shown, from the film's start.
    """

    at_ns: int
    _capture: cv2.VideoCapture

    def pixels(self) -> Pixels:
        """H×W×3 uint8 RGB, upright, width and height even: an odd last column or row is left out, as MP4 has none.

        Only until the next moment is taken.

        Raises:
            PictureUnreadable: the frame cannot be decoded.
        """
        done, bgr = self._capture.retrieve()
        if not done:
            raise PictureUnreadable(NO_VIDEO)
        even = bgr[: bgr.shape[0] & -2, : bgr.shape[1] & -2]
        return cast("Pixels", cv2.cvtColor(even, cv2.COLOR_BGR2RGB))


class Footage:
    """An open video.

    Attributes:
        rate: frames a second.
        expected: how many frames there are, as far as the file says; at least 1.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and 1 <= rate <= 240 else _USUAL_RATE
        expected = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.expected = max(1.0, expected) if math.isfinite(expected) else 1.0

    def __iter__(self) -> Iterator[Moment]:
        time = PlayTime(self.rate)
        while self._capture.grab():
            yield Moment(time.next(self._capture.get(cv2.CAP_PROP_POS_MSEC)), self._capture)


@contextmanager
def open_footage(source: Path, limit_megapixels: float) -> Iterator[Footage]:
    """The video, open while the context lasts.

    Raises:
        PictureUnreadable: no video that can be read, cut short, or its frames are too large, too long or too small.
    """
    with source.open("rb") as file:
        check_container(file, source.stat().st_size)
    capture = cv2.VideoCapture(str(source.resolve()), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise PictureUnreadable(NO_VIDEO)
        width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        check_size(width, height, limit_megapixels, "video")
        yield Footage(capture)
    finally:
        capture.release()
