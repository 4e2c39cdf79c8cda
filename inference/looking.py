"""Several detectors on one picture, beside each other, and either all their answers or an error.

This is the supervisor of the detectors: whatever one of them does (raises, hangs, answers nonsense), the caller gets
DetectionFailed and no picture (promise 1).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import TypeVar

from inference.detectors.detector import Detector
from inference.errors import DetectionFailed
from inference.picture import Pixels, Region, frozen_pixels
from inference.workers import Workers

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers:
    """What all detectors said, and how long each took in milliseconds."""

    regions: tuple[Region, ...]
    milliseconds: dict[str, float]


def worker_count(threads: int | None) -> int:
    """How many detectors run beside each other: all cores but one, yet two where there are two."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads if threads is not None else min(cores, max(2, cores - 1))


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a picture's detectors have answered: `seconds` after it was made."""

    seconds: float
    _begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until then, at least 0."""
        return max(0.0, self._begun + self.seconds - time.monotonic())


def answer_of(asked: Future[T], name: str, workers: Workers, deadline: Deadline) -> T:
    """What a worker was asked for.

    Raises:
        DetectionFailed: it raised, or did not answer in time.
    """
    error: BaseException | None
    try:
        error = asked.exception(timeout=deadline.left)
    except TimeoutError:
        workers.leave_behind()
        raise DetectionFailed(
            f"The detector {name} took longer than {deadline.seconds:g} s, so nothing was kept. Try again;"
            " if it repeats, call IT."
        ) from None
    except CancelledError as cancelled:
        error = cancelled
    if error is not None:
        raise DetectionFailed(
            f"The detector {name} failed on this picture, so nothing was kept. Try again; if it repeats, call IT."
        ) from error
    return asked.result()


@dataclass(frozen=True, slots=True)
class Look:
    """Detectors at work on one picture."""

    _started: tuple[tuple[Detector, Future[tuple[list[Region], float]]], ...]
    _workers: Workers

    @property
    def done(self) -> bool:
        """Whether every detector has answered or failed."""
        return all(future.done() for _, future in self._started)

    def answers(self, deadline: Deadline) -> Answers:
        """Every detector's regions, waited for.

        Raises:
            DetectionFailed: one raised, answered with something that is no list of its kinds' regions, or was too slow.
        """
        regions: list[Region] = []
        milliseconds: dict[str, float] = {}
        try:
            for detector, future in self._started:
                found, milliseconds[detector.name] = answer_of(future, detector.name, self._workers, deadline)
                regions += _checked(detector, found)
        except DetectionFailed:
            self.cancel()
            raise
        return Answers(tuple(regions), milliseconds)

    def cancel(self) -> None:
        """Whatever has not begun never begins."""
        for _, future in self._started:
            future.cancel()


def begin_look(detectors: Sequence[Detector], image: Pixels, workers: Workers) -> Look:
    """The detectors, set to work on the picture beside each other.

    Raises:
        DetectionFailed: they cannot be.
    """
    image = frozen_pixels(image)
    return Look(tuple((detector, workers.submit(_timed, detector, image)) for detector in detectors), workers)


def look(detectors: Sequence[Detector], image: Pixels, workers: Workers, deadline: Deadline) -> Answers:
    """Every detector's regions.

    Raises:
        DetectionFailed: one raised, answered with something that is no list of its kinds' regions, or was too slow.
    """
    return begin_look(detectors, image, workers).answers(deadline)


def _timed(detector: Detector, image: Pixels) -> tuple[list[Region], float]:
    begun = time.perf_counter()
    found = detector.detect(image)
    return found, (time.perf_counter() - begun) * 1e3


def _checked(detector: Detector, found: object) -> list[Region]:
    if isinstance(found, list) and all(isinstance(r, Region) and r.kind in detector.kinds for r in found):
        return found
    raise DetectionFailed(f"The detector {detector.name} answered with something that is no region. Call IT.")
