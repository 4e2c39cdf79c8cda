"""Frames in, de-identified pictures out: the only place where a Photo or a LiveView is made.

A still is looked at by every detector at once, covered, and looked at again in another way; what the second look still
sees is covered too, and asks a person. The live view looks for faces in every frame and for the rest beside the frames,
and holds what it saw. If anything fails, there is no picture.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from inference import facial, policy
from inference.bare_skin import doubtful_lines, unsure_lines
from inference.covering import cover, coverage
from inference.detectors import (
    GUARDED,
    LIVE,
    SECOND_LOOK,
    STILL,
    Decoded,
    Detector,
    Factory,
    ReadyDetector,
    features,
    lines,
    scan_codes,
)
from inference.detectors.features import FeatureFinder
from inference.detectors.lines import LineReader
from inference.errors import DecisionRefused
from inference.film_regions import FilmCover, Sighting
from inference.guard import Guard, Watch, WoundGuard, on_a_wound
from inference.looking import Deadline, Look, answer_of, begin_look, look, worker_count
from inference.manifest import load_manifest
from inference.models import LoadedModel, load_models
from inference.picture import (
    _MINT,
    BY_PERSON,
    Action,
    Decision,
    Frame,
    Kind,
    LiveView,
    Outcome,
    Photo,
    Pixels,
    Polygon,
    Redaction,
    Region,
    Shown,
)
from inference.policy import Thresholds
from inference.printed_things import lettered_things
from inference.viewfinder import Viewfinder
from inference.workers import Workers

STILL_DEADLINE_SECONDS: Final = 45.0
LIVE_DEADLINE_SECONDS: Final = 10.0
SCAN_SIDE: Final = 2000


class FindsFeatures(Protocol):
    """Pixels and a face in, looks at it with its landmarks out."""

    def looks(self, image: Pixels, region: Region) -> list[facial.FaceLook]:
        """The face in the region as often as it was seen; fewer than two leave it in doubt."""


class ReadsAgain(Protocol):
    """Pixels and the outline of a line in, whether it reads as letters again out."""

    def firm(self, image: Pixels, polygon: Polygon) -> bool:
        """Whether there are letters, however much of what is around them is seen."""


@dataclass(frozen=True, slots=True)
class _FilmLook:
    """A frame of a film that is being looked at."""

    frame: Frame
    watches: tuple[Watch, ...]
    look: Look


class Deidentifier:
    """Makes Photos and LiveViews from Frames. Safe to call from several threads; `live` from one at a time.

    Attributes:
        facts: model name → SHA-256 of every model that looks, for health and doctor.
        threads: how many detectors look beside each other.
    """

    def __init__(
        self,
        *,
        still: Sequence[Detector],
        live: Sequence[Detector],
        second_look: Sequence[Detector],
        guard: Guard | None = None,
        features: FindsFeatures | None = None,
        reader: ReadsAgain | None = None,
        never_clear: Iterable[Kind] = (),
        thresholds: Thresholds | None = None,
        threads: int | None = None,
        still_deadline_seconds: float = STILL_DEADLINE_SECONDS,
        live_deadline_seconds: float = LIVE_DEADLINE_SECONDS,
    ) -> None:
        self._still = tuple(still)
        self._live = tuple(live)
        self._second_look = tuple(second_look)
        self._guard = guard
        self._features = features
        self._reader = reader
        self._never_clear = frozenset(never_clear)
        self._thresholds = thresholds or Thresholds()
        self._still_deadline = still_deadline_seconds
        self.threads = worker_count(threads)
        self._workers = Workers(self.threads)
        self._live_lock = threading.Lock()
        self._viewfinder = Viewfinder(self._live, self._workers, self._thresholds, live_deadline_seconds)
        looking = (*still, *live, *second_look, *((guard,) if guard else ()))
        self.facts: Mapping[str, str] = {name: digest for one in looking for name, digest in one.models.items()}

    @classmethod
    def load(cls, models: Path, *, threads: int | None = None) -> Deidentifier:
        """A de-identifier with this release's models from that folder: verified, warm, and known to answer rightly.

        Raises:
            ModelUnusable: a model is missing, altered, or does not give its known answer here.
        """
        loaded = load_models(load_manifest(), models)
        thresholds = Thresholds()
        tables = [_make(table, loaded, thresholds) for table in (STILL, LIVE, SECOND_LOOK)]
        guard = WoundGuard(GUARDED(loaded, thresholds))
        guard.prepare()
        for detector in (detector for table in tables for detector in table):
            detector.prepare()
        still, live, second_look = tables
        return cls(
            still=still,
            live=live,
            second_look=second_look,
            guard=guard,
            features=FeatureFinder(loaded[features.MODEL]),
            reader=LineReader(loaded[lines.READER]),
            never_clear=policy.NEVER_CLEAR,
            thresholds=thresholds,
            threads=threads,
        )

    def live(self, frame: Frame) -> LiveView:
        """The frame with everything covered that was seen in it or is held from just before.

        Faces are looked for in every frame, and the other kinds beside the frames.

        Raises:
            DetectionFailed: a detector failed; show nothing of this frame.
        """
        begun = time.perf_counter()
        with self._live_lock:
            regions, spent = self._viewfinder.regions(frame)
        looked = time.perf_counter()
        pixels = cover(frame.pixels, [region.polygon for region in regions])
        took = {**spent, "cover": _since(looked), "total": _since(begun)}
        return LiveView(pixels, regions, frame.monotonic_ns, took, wound=self._viewfinder.wound, mint=_MINT)

    def ages(self, frame: Frame) -> Mapping[Kind, int]:
        """How long before the frame, in nanoseconds, the live view last looked for each kind."""
        return self._viewfinder.ages(frame.monotonic_ns)

    def live_only(self, kind: Kind) -> Deidentifier:
        """Another one whose live view looks for one kind alone, with these models: for measurement, not for patients.

        Its stills ask a person about every kind, because nobody looked.
        """
        looking = [detector for detector in self._live if kind in detector.kinds]
        return Deidentifier(still=(), live=looking, second_look=(), thresholds=self._thresholds, threads=self.threads)

    def still(self, frame: Frame) -> Photo:
        """The frame de-identified, with its record.

        Raises:
            DetectionFailed: a detector failed; nothing of this frame may be kept.
        """
        begun = time.perf_counter()
        watches = self._watches()
        detectors = (*self._still, *watches)
        deadline = Deadline(self._still_deadline)
        first = look(detectors, frame.pixels, self._workers, deadline)
        regions = self._believed(frame, first.regions, watches, deadline)
        looked = frozenset(kind for detector in detectors for kind in detector.kinds)
        answers = dict(policy.outcomes(regions, looked, self._thresholds, self._never_clear))
        took = {**first.milliseconds, "look": _since(begun)}

        mark = time.perf_counter()
        polygons = [region.polygon for region in regions]
        pixels = cover(frame.pixels, polygons)
        took["cover"] = _since(mark)

        mark = time.perf_counter()
        deadline = Deadline(self._still_deadline)
        second = look(self._second_look, pixels, self._workers, deadline)
        mask = coverage(frame.width, frame.height, polygons)
        left = policy.still_visible(second.regions, mask, self._thresholds)
        left = self._read_again(pixels, left, unsure_lines(left), deadline)
        if left:
            pixels = cover(pixels, [region.polygon for region in left])
            answers |= dict.fromkeys({region.kind for region in left}, Outcome.UNSURE)
        answers |= dict.fromkeys(_on_wounds(regions + left, watches, frame), Outcome.UNSURE)
        took |= {"second-look": _since(mark), "total": _since(begun)}
        redaction = Redaction(
            width=frame.width,
            height=frame.height,
            regions=regions + left,
            outcomes=answers,
            models=self.facts,
            thresholds=self._thresholds.facts(looked),
            policy=policy.POLICY,
            second_look=Outcome.FOUND if left else Outcome.CLEAR,
        )
        return Photo(pixels, redaction, took, mint=_MINT)

    def sightings(self, frames: Iterable[tuple[Frame, bool]]) -> Iterator[Sighting]:
        """What is seen in each frame of a film alone, every kind looked for: the first of a film's two passes.

        Several frames are looked at beside each other; the sightings come in the frames' order, each when it is known.
        `frame.monotonic_ns` counts from the film's start.

        Args:
            frames: each with whether it is looked at thoroughly: with a still's detectors as well, and saying on which
                of what was seen a wound lies.

        Raises:
            DetectionFailed: a detector failed; keep nothing of this film.
        """
        under_way: deque[_FilmLook] = deque()
        try:
            for frame, thorough in frames:
                watches = self._watches() if thorough else ()
                detectors = (*self._live, *self._still, *watches) if thorough else self._live
                under_way.append(_FilmLook(frame, watches, begin_look(detectors, frame.pixels, self._workers)))
                if len(under_way) > self.threads:  # one waits, so that no thread does
                    yield self._sighting(under_way.popleft())
            while under_way:
                yield self._sighting(under_way.popleft())
        finally:
            for film_look in under_way:
                film_look.look.cancel()

    def _sighting(self, of: _FilmLook) -> Sighting:
        deadline = Deadline(self._still_deadline)
        answers = of.look.answers(deadline)
        regions = self._believed(of.frame, answers.regions, of.watches, deadline)
        return Sighting(of.frame.monotonic_ns, regions, _on_wounds(regions, of.watches, of.frame))

    def filmed(self, frame: Frame, covered: FilmCover) -> LiveView:
        """The frame of a film with this cover, which :func:`~inference.film_regions.steady` made of what was seen.

        Raises:
            ValueError: the cover is another frame's.
        """
        begun = time.perf_counter()
        if covered.at_ns != frame.monotonic_ns:
            raise ValueError("this cover is of another frame")
        pixels = cover(frame.pixels, [region.polygon for region in covered.regions])
        return LiveView(pixels, covered.regions, frame.monotonic_ns, {"cover": _since(begun)}, mint=_MINT)

    @property
    def film_look(self) -> Mapping[str, str | float]:
        """All that decides what :meth:`sightings` sees; those of an engine that differs in any are none of this one."""
        detectors = {"live": self._live, "still": (*self._still, *self._watches())}
        names = {table: " ".join(one.name for one in looking) for table, looking in detectors.items()}
        return {"policy": policy.POLICY, **names, **self.facts, **self._thresholds.facts(Kind)}

    def revise(self, frame: Frame, redaction: Redaction, decisions: Sequence[Decision]) -> Photo:
        """The frame covered as `redaction` says after these decisions, which are added to the record.

        Every index in `decisions` counts in `redaction.regions` as it was passed. A face of which it can be told where
        eyes and mouth are is never uncovered whole; a wound on it is shown, but for them. A decision with `features`
        shows them too: who passes one has made sure that consent and role allow it.

        Raises:
            DecisionRefused: the redaction is of a picture of another size, a decision names a region that is not there,
                or it would show more of a face than may be seen.
            DetectionFailed: the faces could not be looked at again; the picture stays as it was.
        """
        begun = time.perf_counter()
        if (frame.width, frame.height) != (redaction.width, redaction.height):
            raise DecisionRefused("This record is of a picture of another size. Take the picture again.")
        of_faces = any(one.uncovers and one.kind is Kind.FACE for one in decisions)
        faces = self._told_faces(frame, redaction) if of_faces else []
        regions = _decided(redaction.regions, decisions, {region for face in faces for region in face.regions})
        shown = list(redaction.shown)
        for decision in decisions:
            if decision.action is Action.SHOW and decision.polygon is not None:
                size = frame.width, frame.height
                mark, features = decision.polygon, decision.features
                shown.append(facial.show_wound(mark, faces, regions, shown, size=size, features=features))
        pixels = _covered(frame.pixels, regions, shown)
        revised = replace(redaction, regions=regions, decisions=(*redaction.decisions, *decisions), shown=tuple(shown))
        return Photo(pixels, revised, {"total": _since(begun)}, mint=_MINT)

    def _told_faces(self, frame: Frame, redaction: Redaction) -> list[facial.Face]:
        """The faces of which it can be told where eyes and mouth are."""
        if self._features is None:
            return []
        finder, deadline = self._features, Deadline(self._still_deadline)

        def look_at(region: Region) -> list[facial.FaceLook]:
            asked = self._workers.submit(finder.looks, frame.pixels, region)
            return answer_of(asked, "features", self._workers, deadline)

        sure = self._thresholds.face.cover
        faces = facial.faces_of(redaction.regions, look_at)
        return [face for face in faces if not facial.doubt(face, sure, frame.width, frame.height)]

    def _believed(
        self, frame: Frame, found: Sequence[Region], watches: Sequence[Watch], deadline: Deadline
    ) -> tuple[Region, ...]:
        """What is covered of what was found: lines in doubt on bare skin only if they read again.

        And the whole of a printed thing that a line or a code was read on.
        """
        regions = policy.covered(found, self._thresholds)
        doubtful = frozenset(line for watch in watches for line in doubtful_lines(regions, watch.bare))
        regions = self._read_again(frame.pixels, regions, doubtful, deadline)
        things = [thing for watch in watches for thing in watch.things]
        return regions + lettered_things(regions, things, frame.width, frame.height)

    def _read_again(
        self, pixels: Pixels, regions: tuple[Region, ...], doubtful: Collection[Region], deadline: Deadline
    ) -> tuple[Region, ...]:
        """The regions without those doubtful lines that do not read firmly."""
        if self._reader is None or not doubtful:
            return regions
        again = [(line, self._workers.submit(self._reader.firm, pixels, line.polygon)) for line in doubtful]
        loose = {line for line, asked in again if not answer_of(asked, "reader", self._workers, deadline)}
        return tuple(region for region in regions if region not in loose)

    def scan(self, frame: Frame) -> list[Decoded]:
        """The codes in the frame that can be read, for the encounter (a wristband, a badge). Never log them."""
        return scan_codes(frame.pixels, side=SCAN_SIDE)

    def _watches(self) -> tuple[Watch, ...]:
        """The guard's look at one picture; none where there is no guard."""
        return (Watch(self._guard),) if self._guard is not None else ()

    def close(self) -> None:
        """Ends the workers; the de-identifier is not used after this."""
        self._workers.close()


def _make(table: Sequence[Factory], models: Mapping[str, LoadedModel], thresholds: Thresholds) -> list[ReadyDetector]:
    return [factory(models, thresholds) for factory in table]


def _on_wounds(regions: Sequence[Region], watches: Sequence[Watch], frame: Frame) -> frozenset[Kind]:
    """The kinds whose regions cover too much of a wound that was seen."""
    wounds = [wound for watch in watches for wound in watch.wounds]
    return on_a_wound(regions, wounds, frame.width, frame.height)


def _decided(
    regions: tuple[Region, ...], decisions: Sequence[Decision], told: Collection[Region]
) -> tuple[Region, ...]:
    """The regions after the decisions; those in `told` are of faces that are never uncovered whole."""
    removed: set[int] = set()
    added: list[Region] = []
    for decision in decisions:
        if decision.action is Action.REMOVE:
            place = decision.index
            if place is None or not 0 <= place < len(regions) or regions[place].kind is not decision.kind:
                raise DecisionRefused("That region is not in this picture's record. Look at it again.")
            if regions[place] in told and not decision.features:
                raise DecisionRefused("That is a face, so it is not uncovered whole. Mark the wound on it instead.")
            removed.add(place)
        elif decision.action is Action.ADD and decision.polygon is not None:
            added.append(Region(decision.kind, decision.polygon, 1.0, BY_PERSON))
    return (*(region for place, region in enumerate(regions) if place not in removed), *added)


def _covered(pixels: Pixels, regions: Sequence[Region], shown: Sequence[Shown]) -> Pixels:
    """A copy of H×W×3 `pixels` with the regions filled, but for what is shown."""
    covered = cover(pixels, [region.polygon for region in regions])
    if shown:
        seen = facial.uncovered(pixels.shape[1], pixels.shape[0], regions, shown)
        covered[seen] = pixels[seen]
    return covered


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1e3
