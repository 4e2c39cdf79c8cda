"""The de-identifier behind one door: loaded in a thread, tried again when it cannot load, used by one caller at a time.

A still goes before the live view, which stands while a still is worked on: the processor is then the shutter's alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from capture.crashes import where
from capture.errors import CaptureError, EngineNotReady, RequestWrong
from capture.events import Event
from capture.service.parts import Deidentifies
from inference import Decoded
from inference.errors import DecisionRefused, InferenceError
from inference.picture import Decision, Frame, LiveView, Photo, Redaction

_LOADING = "The models are loading. This takes a few seconds."
_READY = "De-identification is ready."
_CRASHED = "De-identification failed in an unforeseen way, so nothing was kept. Try again; if it repeats, call IT."


class EngineState(StrEnum):
    """What is known about the de-identifier."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Its state, the sentence for the screen, and the digests of the models in use."""

    state: EngineState
    sentence: str
    models: Mapping[str, str] = field(default_factory=dict)


class Engine:
    """Loads and runs the de-identifier.

    Args:
        load: gives the de-identifier.
        retry_s: how long after a failed load it is tried again.
        failed: hears once that the models could not be loaded.

    Attributes:
        ready: set once it is loaded.
    """

    def __init__(
        self,
        load: Callable[[], Deidentifies],
        *,
        retry_s: float = 10.0,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._load = load
        self._failed = failed
        self._retry_s = retry_s
        self._turns = threading.Condition()
        self._busy = False
        self._stills_waiting = 0
        self._deidentifier: Deidentifies | None = None
        self._status = EngineStatus(EngineState.LOADING, _LOADING)
        self.ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._log = structlog.get_logger()

    @property
    def status(self) -> EngineStatus:
        """What is known now."""
        return self._status

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def stop(self, timeout: float = 0.5) -> None:
        """Do not load any more, and let go of what is loaded; waits at most `timeout` seconds."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._deidentifier is not None:
            self._deidentifier.close()

    def require(self) -> None:
        """Nothing, when it is loaded.

        Raises:
            EngineNotReady: it is not.
        """
        self._loaded()

    def live(self, frame: Frame) -> LiveView:
        """A moment of the viewfinder.

        Raises:
            EngineNotReady: it is not loaded, or failed on this frame.
        """
        with self._turn(first=False) as deidentifier:
            return deidentifier.live(frame)

    def still(self, frame: Frame) -> Photo:
        """A still.

        Raises:
            EngineNotReady: it is not loaded, or failed on this frame.
        """
        with self._turn(first=True) as deidentifier:
            return deidentifier.still(frame)

    def revise(self, frame: Frame, redaction: Redaction, decisions: Sequence[Decision]) -> Photo:
        """The still once more, with a person's decisions.

        Raises:
            EngineNotReady: it is not loaded, or failed on this frame.
            RequestWrong: a decision that the de-identifier cannot follow.
        """
        with self._turn(first=True) as deidentifier:
            try:
                return deidentifier.revise(frame, redaction, decisions)
            except DecisionRefused as wrong:
                raise RequestWrong(_sentence(wrong)) from wrong

    def scan(self, frame: Frame) -> Sequence[Decoded]:
        """The codes that can be read in it; takes no turn, so that the live view goes on.

        Raises:
            EngineNotReady: it is not loaded.
        """
        return self._loaded().scan(frame)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                deidentifier = self._load()
            except InferenceError as failed:
                self._not_loaded(_sentence(failed))
            except BaseException as crashed:  # noqa: BLE001 - whatever a model's library raises, the service stays up
                self._log.error(Event.WORKER_CRASHED, worker="engine", error=where(crashed))
                self._not_loaded(_CRASHED)
            else:
                if self._stop.is_set():
                    deidentifier.close()
                    return
                self._deidentifier = deidentifier
                self._status = EngineStatus(EngineState.READY, _READY, dict(deidentifier.facts))
                self._log.info(Event.ENGINE_READY, models=len(deidentifier.facts))
                self.ready.set()
                return
            self._stop.wait(self._retry_s)

    def _loaded(self) -> Deidentifies:
        if self._deidentifier is None:
            raise EngineNotReady(self._status.sentence)
        return self._deidentifier

    @contextmanager
    def _turn(self, *, first: bool) -> Iterator[Deidentifies]:
        """The de-identifier, for this caller alone."""
        deidentifier = self._loaded()
        self._enter(first=first)
        try:
            yield deidentifier
        except InferenceError as failed:
            self._fail(_sentence(failed))
            raise EngineNotReady(_sentence(failed)) from failed
        except CaptureError:
            raise
        except BaseException as crashed:
            self._log.error(Event.WORKER_CRASHED, worker="engine", error=where(crashed))
            self._fail(_CRASHED)
            raise EngineNotReady(_CRASHED) from crashed
        else:
            if self._status.state is not EngineState.READY:
                self._status = EngineStatus(EngineState.READY, _READY, dict(deidentifier.facts))
        finally:
            with self._turns:
                self._busy = False
                self._turns.notify_all()

    def _enter(self, *, first: bool) -> None:
        with self._turns:
            self._stills_waiting += first
            self._turns.wait_for(lambda: not self._busy and (first or not self._stills_waiting))
            self._stills_waiting -= first
            self._busy = True

    def _not_loaded(self, sentence: str) -> None:
        if self._status.state is EngineState.LOADING:
            self._failed()
        self._fail(sentence)

    def _fail(self, sentence: str) -> None:
        if self._status.state is not EngineState.FAILED:
            self._log.warning(Event.ENGINE_FAILED)
        self._status = EngineStatus(EngineState.FAILED, sentence, self._status.models)


def _sentence(failed: InferenceError) -> str:
    return str(failed) or (type(failed).__doc__ or "").strip()
