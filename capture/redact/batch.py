"""Every input in turn: read, de-identify, write whole, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

from capture.encoding import STILL_QUALITY, encode_like
from capture.errors import CaptureError, PictureUnreadable
from capture.events import Event
from capture.pictures import LIMIT_MEGAPIXELS, read_picture
from capture.redact.film import Film, Films, Progress, redact_film
from capture.redact.plan import Planned, plan
from capture.redact.report import FileReport, Report, of_photo, region_to_json
from capture.redact.writing import whole
from inference.errors import InferenceError
from inference.picture import Frame, Kind, Outcome, Photo

_ABSENT: Final = "There is no such file or folder. Check its name."
_UNREADABLE: Final = "This file may not be read. Check who owns it."
_NO_FILE: Final = "This is not a file but a device or a connection. Copy what it holds into a file and try again."
_UNWRITABLE: Final = "The redacted copy could not be written ({}). Check the output folder and its free space."
_UNFORESEEN: Final = (
    "This file could not be redacted, for a reason that nobody foresaw ({}). Tell who keeps this software."
)
_MOST_BYTES: Final = 1 << 30
_log: Final = structlog.get_logger()
_TOO_LONG: Final = "This file is longer than a gigabyte, which no picture is. Check what it is."


class Redacts(Films, Protocol):
    """What a batch needs of a de-identifier."""

    def still(self, frame: Frame) -> Photo:
        """A picture, covered. Raises DetectionFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """How far a batch is.

    Attributes:
        done: files that are finished, whether well or not.
        total: files in all.
        name: the file that is being worked on.
        share: how much of it is done, 0 to 1.
        doing: what is being done to it, where it takes long enough to say.
    """

    done: int
    total: int
    name: str
    share: float
    doing: str = ""


def redact(
    deidentifier: Redacts,
    inputs: Sequence[Path],
    out: Path,
    *,
    limit_megapixels: float = LIMIT_MEGAPIXELS,
    quality: int = STILL_QUALITY,
    progress: Callable[[Step], object] = lambda _: None,
) -> Report:
    """Redacted copies of all `inputs` (files and folders) in `out`, and what became of each.

    Nothing is raised for a file: its sentence is in the report, and nothing of it is in `out`.
    """
    todo = plan(inputs, out)
    reports = []
    for done, planned in enumerate(todo):

        def step(doing: str, share: float, done: int = done, planned: Planned = planned) -> None:
            progress(Step(done, len(todo), planned.name, share, doing))

        step("", 0.0)
        try:
            report = _Batch(deidentifier, limit_megapixels, quality).one(planned, step)
        except (CaptureError, InferenceError) as failed:
            sentence = failed.sentence if isinstance(failed, CaptureError) else str(failed)
            report = FileReport(planned.name, error=sentence)
        except OSError as failed:
            report = FileReport(planned.name, error=_UNWRITABLE.format(failed.strerror or failed))
        except Exception as failed:  # noqa: BLE001 - logged, and said in the report
            # Whatever nobody foresaw about one file must not keep the others from being done.
            _log.exception(Event.REDACTION_FAILED)
            report = FileReport(planned.name, error=_UNFORESEEN.format(type(failed).__name__))
        reports.append(report)
        step("", 1.0)
    return Report(tuple(reports))


@dataclass(frozen=True, slots=True)
class _Batch:
    deidentifier: Redacts
    limit_megapixels: float
    quality: int

    def one(self, planned: Planned, progress: Progress) -> FileReport:
        _check_readable(planned.source)
        return self._film(planned, progress) if planned.is_video else self._picture(planned)

    def _film(self, planned: Planned, progress: Progress) -> FileReport:
        began = time.perf_counter()
        film = redact_film(
            planned.source,
            planned.target,
            self.deidentifier,
            limit_megapixels=self.limit_megapixels,
            progress=progress,
        )
        return _of_film(planned, film, _ms(began, time.perf_counter()))

    def _picture(self, planned: Planned) -> FileReport:
        began = time.perf_counter()
        pixels = read_picture(_bytes(planned.source), limit_megapixels=self.limit_megapixels)
        read = time.perf_counter()
        photo = self.deidentifier.still(Frame(pixels, time.monotonic_ns()))
        looked = time.perf_counter()
        data = encode_like(photo, planned.target.suffix, quality=self.quality)
        encoded = time.perf_counter()
        with whole(planned.target) as part:
            part.write_bytes(data)
        written = time.perf_counter()
        took = {"read": _ms(began, read), "encode": _ms(looked, encoded), "write": _ms(encoded, written)}
        return of_photo(planned.name, planned.output, photo, took)


def _ms(begin: float, end: float) -> float:
    return (end - begin) * 1000


def _bytes(source: Path) -> bytes:
    if source.stat().st_size > _MOST_BYTES:
        raise PictureUnreadable(_TOO_LONG)
    return source.read_bytes()


def _check_readable(source: Path) -> None:
    if source.exists() and not source.is_file():  # to open one might wait for ever
        raise PictureUnreadable(_NO_FILE)
    try:
        with source.open("rb"):
            return
    except FileNotFoundError:
        raise PictureUnreadable(_ABSENT) from None
    except OSError:
        raise PictureUnreadable(_UNREADABLE) from None


def _of_film(planned: Planned, film: Film, milliseconds: float) -> FileReport:
    """A film's entry: found or unsure, never clear, for nobody looked at it as thoroughly as at a still.

    What was found and lies on a wound is unsure: a person decides about it.
    """
    settled = film.kinds - film.on_wounds
    return FileReport(
        file=planned.name,
        output=planned.output,
        width=film.width,
        height=film.height,
        outcomes={kind: Outcome.FOUND if kind in settled else Outcome.UNSURE for kind in Kind},
        regions=[region_to_json(region) for region in film.busiest],
        milliseconds={"total": milliseconds, "frame": milliseconds / film.frames},
        film={
            "frames": film.frames,
            "rate": round(film.rate, 3),
            "covered": film.covered,
            "busiest": film.busiest_at,
        },
    )
