"""From the shutter to a still in review, and what a person decides about it. Runs on the worker's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from capture.camera import CameraSupervisor
from capture.errors import FeaturesForbidden, StillChanged
from capture.events import Event
from capture.identifiers import CaptureId
from capture.quality import assess
from capture.scale_marker import look_for_marker
from capture.service.engine import Engine
from capture.service.stills import HeldStill, Shelf
from inference.picture import Decision


class Shutter:
    """Takes stills and revises them. Nothing is kept of one that fails."""

    def __init__(
        self,
        camera: CameraSupervisor,
        engine: Engine,
        shelf: Shelf,
        *,
        wall_ms: Callable[[], int],
        new_capture: Callable[[], CaptureId],
        may_show_features: Callable[[str], bool],
        overridden: Callable[[CaptureId, Decision], None],
        permit: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._camera = camera
        self._engine = engine
        self._shelf = shelf
        self._wall_ms = wall_ms
        self._new_capture = new_capture
        self._may_show_features = may_show_features
        self._overridden = overridden
        self._permit = permit
        self._clock = clock
        self._log = structlog.get_logger()

    def take(self, ticket: int) -> HeldStill:
        """A new still in review; `ticket` comes from :meth:`Shelf.room`.

        Raises:
            CameraFailed: the camera gave nothing.
            EngineNotReady: it could not be de-identified.
            SelfTestPending, SelfTestFailed: the device has not passed its test of itself.
            StillDropped: everything was discarded meanwhile.
        """
        self._engine.require()
        self._permit()
        began = self._clock()
        taken_at_ms = self._wall_ms()
        frame = self._camera.still()
        seen = self._clock()
        photo = self._engine.still(frame)
        looked = self._clock()
        quality, marker = assess(frame.pixels), look_for_marker(frame.pixels)
        stages = {"camera": _ms(began, seen), "deidentify": _ms(seen, looked), "quality": _ms(looked, self._clock())}
        within = {stage: round(took, 1) for stage, took in photo.milliseconds.items() if stage != "total"}
        still = HeldStill(self._new_capture(), frame, photo, quality, marker, taken_at_ms, stages, within)
        self._shelf.add(still, ticket)
        self._log.info(Event.STILL_TAKEN, width=photo.width, height=photo.height, ms=_ms(began, self._clock()))
        return still

    def decide(self, capture: str, decisions: Sequence[Decision], after: int | None = None) -> HeldStill:
        """The still after these decisions; all of them or none. What uncovers is on the ledger before it is seen.

        Args:
            capture: which.
            decisions: what a person decided.
            after: how many decisions the still had that the person saw, where that is known.

        Raises:
            StillUnknown: it is not in review.
            StillChanged: it has more or fewer decisions than the person saw.
            FeaturesForbidden: eyes or mouth would be seen, and the role of who decides does not allow it.
            LedgerError: the ledger could not say what is uncovered; the still stays as it was.
            RequestWrong: a decision about a region that is not there.
            EngineNotReady: the decision could not be applied; the still stays as it was.
        """
        still = self._shelf.get(capture)
        if after is not None and after != len(still.photo.redaction.decisions):
            raise StillChanged
        if any(decision.features and not self._may_show_features(decision.by) for decision in decisions):
            raise FeaturesForbidden
        photo = self._engine.revise(still.frame, still.photo.redaction, decisions)
        for decision in decisions:
            if decision.uncovers:
                self._overridden(still.capture, decision)
        revised = replace(still, photo=photo)
        self._shelf.replace(revised)
        return revised


def _ms(begin: float, end: float) -> float:
    return round((end - begin) * 1000, 1)
