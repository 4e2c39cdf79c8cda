"""What was seen in each frame of a film, on disk while the film is being redacted, so that an interrupted run goes on.

A private file beside the output, hidden, one JSON value a line: first what it is about (the film's digest and all that
decides what the detectors see), then a record a frame, then how many there were. It holds coordinates and no pixel,
counts only up to its last whole line, is locked by the run that uses it, and is gone when that run ends by itself,
well or not. Only a run that was killed or stopped leaves it.
"""

from __future__ import annotations

import fcntl
import json
import os
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from capture.errors import CaptureError, FilmBusy
from capture.redact.report import region_to_json
from inference import InferenceError, Kind, Region, Sighting

FORMAT: Final = "wardlens-sightings-2"
_MALFORMED: Final = (KeyError, OverflowError, RecursionError, TypeError, ValueError)


class SightingLog:
    """An open log.

    Attributes:
        times: when each recorded frame is shown, nanoseconds from the film's start.
        finished: whether every frame of the film is recorded.
    """

    def __init__(self, file: BinaryIO, about: Mapping[str, Any]) -> None:
        self._file = file
        self._head = _line({"format": FORMAT, **about})
        self.times = array("q")
        self.finished = False
        file.seek(0)
        if file.readline() == self._head:
            self._take_up()
        else:
            file.seek(0)
            file.truncate()
            self._write(self._head)

    def add(self, sighting: Sighting) -> None:
        """Record the next frame."""
        self._write(_line(_to_json(sighting)))
        self.times.append(sighting.at_ns)

    def finish(self) -> None:
        """Say that there are no more frames."""
        self._write(_line({"frames": len(self.times)}))
        self.finished = True

    def sightings(self) -> Iterator[Sighting]:
        """Every record, in order. Several may be read at once, but none while one is added."""
        at = len(self._head)
        for _ in self.times:
            self._file.seek(at)
            line = self._file.readline()
            at += len(line)
            yield _from_json(json.loads(line))

    def _take_up(self) -> None:
        """Counts the whole records and cuts off what follows them."""
        end = self._file.tell()
        while (line := self._file.readline()).endswith(b"\n"):
            try:
                entry = json.loads(line)
                if entry == {"frames": len(self.times)}:
                    self.finished = True
                    end += len(line)
                    break
                sighting = _from_json(entry)
                if self.times and sighting.at_ns <= self.times[-1]:
                    break
                self.times.append(sighting.at_ns)
            except _MALFORMED:
                break
            end += len(line)
        self._file.seek(end)
        self._file.truncate()

    def _write(self, line: bytes) -> None:
        self._file.seek(0, os.SEEK_END)
        self._file.write(line)
        self._file.flush()


@contextmanager
def sighting_log(path: Path, about: Mapping[str, Any]) -> Iterator[SightingLog]:
    """The log at `path`, taken up where it is about the same, else begun anew.

    Raises:
        FilmBusy: another run is using it.
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path) as file:
        try:
            yield SightingLog(file, about)
        except (CaptureError, InferenceError, OSError):  # an interruption is none of these, and keeps it
            path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO:
    """The file at `path`, ours alone; made if there is none."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(path, flags, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        except BlockingIOError:
            file.close()
            raise FilmBusy from None
        file.close()  # the run that had it ended between our two steps, and took it away


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def _to_json(sighting: Sighting) -> dict[str, Any]:
    return {
        "at": sighting.at_ns,
        "regions": [_region_to_json(region) for region in sighting.regions],
        "on_wounds": sorted(sighting.on_wounds),
    }


def _region_to_json(region: Region) -> dict[str, Any]:
    polygon = [[float(x), float(y)] for x, y in region.polygon]
    return region_to_json(region) | {"polygon": polygon, "score": float(region.score)}


def _from_json(value: Any) -> Sighting:
    """Raises one of `_MALFORMED` for anything that `_to_json` did not make."""
    regions = tuple(
        Region(
            Kind(entry["kind"]),
            tuple((float(x), float(y)) for x, y in entry["polygon"]),
            float(entry["score"]),
            str(entry["model"]),
        )
        for entry in value["regions"]
    )
    return Sighting(int(value["at"]), regions, frozenset(map(Kind, value["on_wounds"])))
