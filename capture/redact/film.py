"""A video in two passes. Sound and metadata are not carried over.

A film has time. The first pass looks at every frame, with every kind, and several times a second with a still's
detectors too; the second covers every frame with what was seen in it and around it, before and after. What the first
pass saw is kept on disk until the film is done, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from capture.errors import PictureUnreadable
from capture.redact.container import NO_VIDEO
from capture.redact.filming import FilmWriter
from capture.redact.footage import Footage, open_footage
from capture.redact.sighting_log import SightingLog, sighting_log
from capture.redact.writing import forget_parts, whole
from inference import FilmCover, Frame, Kind, LiveView, Region, Sighting, steady

CHANGED: Final = "This video gave other frames when it was read again. Export it as MP4 and try again."
THOROUGH_NS: Final = 300_000_000
"""How often a frame is looked at with a still's detectors: oftener than what they see is held for, so that a face which
only they find is covered throughout."""

LOOKING: Final = "looking"
COVERING: Final = "covering"
Progress = Callable[[str, float], object]
"""Takes what is being done (`LOOKING` or `COVERING`) and which share of the whole work is done."""

_LOOKING_SHARE: Final = 0.8


class Films(Protocol):
    """What a film needs of a de-identifier."""

    @property
    def film_look(self) -> Mapping[str, str | float]:
        """All that decides what `sightings` sees."""
        ...

    def sightings(self, frames: Iterable[tuple[Frame, bool]]) -> Iterator[Sighting]:
        """What is seen in each frame, looked at thoroughly or not, in their order. Raises DetectionFailed."""
        ...

    def filmed(self, frame: Frame, covered: FilmCover) -> LiveView:
        """The frame, covered."""
        ...


@dataclass(frozen=True, slots=True)
class Film:
    """What a redacted video showed.

    Attributes:
        width, height: pixels.
        rate: frames a second.
        frames: how many.
        covered: in how many of them something is covered.
        busiest: what was seen in the frame in which most was.
        busiest_at: which frame that is, from 0.
        kinds: every kind that was seen in any frame.
        on_wounds: every kind that covered a wound in any frame.
    """

    width: int = 0
    height: int = 0
    rate: float = 0.0
    frames: int = 0
    covered: int = 0
    busiest: tuple[Region, ...] = ()
    busiest_at: int = 0
    kinds: frozenset[Kind] = frozenset()
    on_wounds: frozenset[Kind] = frozenset()

    def and_then(self, sighting: Sighting, view: LiveView) -> Film:
        """The film with one more frame."""
        film = replace(
            self,
            width=view.width,
            height=view.height,
            frames=self.frames + 1,
            covered=self.covered + bool(view.regions),
            kinds=self.kinds | {region.kind for region in sighting.regions},
            on_wounds=self.on_wounds | sighting.on_wounds,
        )
        more = len(sighting.regions) > len(self.busiest)
        return replace(film, busiest=sighting.regions, busiest_at=self.frames) if more else film


def redact_film(
    source: Path, target: Path, deidentifier: Films, *, limit_megapixels: float, progress: Progress
) -> Film:
    """Write the redacted video to `target` (MP4), whole or not at all.

    Raises:
        PictureUnreadable: it is no video that can be read, its frames are too large, or they differ when read again.
        FilmBusy: another run is at this film.
        DetectionFailed: a frame could not be de-identified.
        OSError: the output cannot be written.
    """
    with open_footage(source, limit_megapixels):
        pass  # refused before anything is made beside the output
    about = {**_identity(source), "look": dict(deidentifier.film_look)}
    with sighting_log(target.with_name(f".{target.name}.sightings"), about) as log:
        forget_parts(target)
        if not log.finished:
            with open_footage(source, limit_megapixels) as footage:
                _look(footage, deidentifier, log, progress)
        if not log.times:
            raise PictureUnreadable(NO_VIDEO)
        with open_footage(source, limit_megapixels) as footage, whole(target) as part:
            return _cover(footage, part, deidentifier, log, progress)


def _identity(source: Path) -> dict[str, Any]:
    with source.open("rb") as file:
        return {"bytes": os.fstat(file.fileno()).st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _look(footage: Footage, deidentifier: Films, log: SightingLog, progress: Progress) -> None:
    """The first pass: what is seen in each frame that the log does not know yet."""
    for sighting in deidentifier.sightings(_unknown(footage, log)):
        log.add(sighting)
        progress(LOOKING, _LOOKING_SHARE * min(1.0, len(log.times) / footage.expected))
    log.finish()


def _unknown(footage: Footage, log: SightingLog) -> Iterator[tuple[Frame, bool]]:
    """The frames that the log does not know at the start, and whether each is looked at thoroughly."""
    known, slot = len(log.times), -1
    for place, moment in enumerate(footage):
        thorough, slot = moment.at_ns // THOROUGH_NS != slot, moment.at_ns // THOROUGH_NS
        if place >= known:
            yield Frame(moment.pixels(), moment.at_ns), thorough
        elif moment.at_ns != log.times[place]:
            raise PictureUnreadable(CHANGED)


def _cover(footage: Footage, part: Path, deidentifier: Films, log: SightingLog, progress: Progress) -> Film:
    """The second pass: each frame covered with what was seen in it and around it."""
    film = Film(rate=footage.rate)
    sightings, covers = log.sightings(), steady(log.sightings())
    with closing(FilmWriter(part, footage.rate)) as writer:
        for moment in footage:
            sighting, covered = next(sightings, None), next(covers, None)
            if sighting is None or covered is None or covered.at_ns != moment.at_ns:
                raise PictureUnreadable(CHANGED)
            view = deidentifier.filmed(Frame(moment.pixels(), moment.at_ns), covered)
            writer.write(view)
            film = film.and_then(sighting, view)
            progress(COVERING, _LOOKING_SHARE + (1 - _LOOKING_SHARE) * film.frames / len(log.times))
        if film.frames != len(log.times):
            raise PictureUnreadable(CHANGED)
        writer.finish()
    return film
