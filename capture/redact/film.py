"""A video, frame by frame. Sound and metadata are not carried over.

The live view looks for faces in every frame and for the rest in turn. A film has time: every kind is looked for in
every frame, and what was seen is held over the frames that follow.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

import cv2

from capture.errors import PictureUnreadable
from inference.picture import Frame, Kind, LiveView, Pixels, Region

NO_VIDEO: Final = "This video cannot be read. Export it as MP4 and try again."
TOO_LARGE: Final = "This video has {:.0f} megapixels a frame; {:g} is the most. Make it smaller and try again."
_GAP_NS: Final = 60_000_000_000
_USUAL_RATE: Final = 25.0


class Live(Protocol):
    """What a film needs of a de-identifier."""

    def live(self, frame: Frame, *, every_kind: bool) -> LiveView:
        """The frame, covered. Raises DetectionFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Film:
    """What a redacted video showed.

    Attributes:
        width, height: pixels.
        frames: how many.
        busiest: the regions of the frame that had most.
        kinds: every kind that was seen in any frame.
    """

    width: int
    height: int
    frames: int
    busiest: tuple[Region, ...]
    kinds: frozenset[Kind]

    def and_then(self, view: LiveView) -> Film:
        """The film with one more frame."""
        busiest = max(self.busiest, view.regions, key=len)
        kinds = self.kinds | {region.kind for region in view.regions}
        return Film(view.width, view.height, self.frames + 1, busiest, kinds)


class Timeline:
    """When each film plays, on the live view's clock: so far apart that nothing held from one is in the next."""

    def __init__(self) -> None:
        self._free_ns = time.monotonic_ns()

    def begin(self) -> int:
        """When the next film begins."""
        self._free_ns += _GAP_NS
        return self._free_ns

    def passed(self, now_ns: int) -> None:
        """A film has come to this moment."""
        self._free_ns = now_ns


def redact_film(
    source: Path,
    part: Path,
    deidentifier: Live,
    timeline: Timeline,
    *,
    limit_megapixels: float,
    progress: Callable[[float], object],
) -> Film:
    """Write the redacted video to `part` (MP4).

    Raises:
        PictureUnreadable: it is no video that can be read, or its frames are too large.
        DetectionFailed: a frame could not be de-identified.
        OSError: the output cannot be written.
    """
    capture = cv2.VideoCapture(str(source))
    writer = _Writer(part)
    film, began_ns = Film(0, 0, 0, (), frozenset()), timeline.begin()
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if math.isfinite(rate) and 1 <= rate <= 240 else _USUAL_RATE
        expected = max(1.0, capture.get(cv2.CAP_PROP_FRAME_COUNT))
        for pixels in _frames(capture, limit_megapixels):
            now_ns = began_ns + round(film.frames * 1e9 / rate)
            timeline.passed(now_ns)
            view = deidentifier.live(Frame(pixels, now_ns), every_kind=True)
            writer.write(view, rate)
            film = film.and_then(view)
            progress(min(1.0, film.frames / expected))
    finally:
        writer.close()
        capture.release()
    if film.frames == 0:
        raise PictureUnreadable(NO_VIDEO)
    return film


def _frames(capture: cv2.VideoCapture, limit_megapixels: float) -> Iterator[Pixels]:
    megapixels = capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT) / 1e6
    if megapixels > limit_megapixels:
        raise PictureUnreadable(TOO_LARGE.format(megapixels, limit_megapixels))
    while True:
        done, bgr = capture.read()
        if not done:
            return
        yield cast("Pixels", cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


class _Writer:
    """Writes live views, and nothing else, as one MP4."""

    def __init__(self, part: Path) -> None:
        self._part = part
        self._writer: cv2.VideoWriter | None = None

    def write(self, view: LiveView, rate: float) -> None:
        if type(view) is not LiveView:
            raise TypeError(f"only a LiveView can be filmed, not a {type(view).__name__}")
        if self._writer is None:
            size = view.width, view.height
            self._writer = cv2.VideoWriter(str(self._part), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
            if not self._writer.isOpened():
                raise OSError("the video encoder cannot write there")
        self._writer.write(cv2.cvtColor(view.pixels, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()
