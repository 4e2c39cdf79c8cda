"""One pairing, seen from the screen: which step it is at. A table of states, and the thread that runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

import structlog

from provisioning.panel.errors import PairingBusy
from provisioning.panel.events import Event
from provisioning.panel.ports import Pair

CRASHED_SENTENCE = "Pairing stopped for a reason that this device does not know. Try again; if it repeats, call IT."

_log = structlog.get_logger(__name__)


class Step(Enum):
    """What is known of the pairing."""

    NOT_STARTED = "not-started"
    REACHING = "reaching"
    DIGITS_SHOWN = "digits-shown"
    PAIRED = "paired"
    FAILED = "failed"


class Happened(Enum):
    """What moves it on."""

    LINE_GIVEN = "line-given"
    DIGITS_CAME = "digits-came"
    CONFIRMED = "confirmed"
    WENT_WRONG = "went-wrong"


STEPS: dict[tuple[Step, Happened], Step] = {
    (Step.NOT_STARTED, Happened.LINE_GIVEN): Step.REACHING,
    (Step.FAILED, Happened.LINE_GIVEN): Step.REACHING,
    (Step.REACHING, Happened.DIGITS_CAME): Step.DIGITS_SHOWN,
    (Step.REACHING, Happened.WENT_WRONG): Step.FAILED,
    (Step.DIGITS_SHOWN, Happened.CONFIRMED): Step.PAIRED,
    (Step.DIGITS_SHOWN, Happened.WENT_WRONG): Step.FAILED,
}


@dataclass(frozen=True, slots=True)
class Pairing:
    """Where a pairing stands, with what the screen shows of it."""

    step: Step = Step.NOT_STARTED
    digits: str = ""
    sentence: str = ""


def moved(pairing: Pairing, happened: Happened, *, digits: str = "", sentence: str = "") -> Pairing:
    """The pairing after something happened.

    Raises:
        PairingBusy: it cannot happen at this step.
    """
    step = STEPS.get((pairing.step, happened))
    if step is None:
        raise PairingBusy
    return Pairing(step, digits or pairing.digits if step is Step.DIGITS_SHOWN else "", sentence)


class PairingAttempt:
    """Runs the pairing function in a worker thread and keeps where it stands."""

    def __init__(
        self, pair: Pair, *, families: tuple[type[Exception], ...], done: Callable[[], Awaitable[None]]
    ) -> None:
        self._pair = pair
        self._families = families
        self._done = done
        self._task: asyncio.Task[None] | None = None
        self.now = Pairing()

    def start(self, line: str) -> None:
        """Begins with this invitation line.

        Raises:
            PairingBusy: one is under way.
        """
        self.now = moved(self.now, Happened.LINE_GIVEN)
        self._task = asyncio.get_running_loop().create_task(self._run(line), name="pairing")
        self._task.add_done_callback(self._crashed)

    async def _run(self, line: str) -> None:
        loop = asyncio.get_running_loop()

        def on_digits(digits: str) -> None:
            loop.call_soon_threadsafe(self._digits_came, digits)

        try:
            await asyncio.to_thread(self._pair, line, on_digits)
        except self._families as error:
            sentence = str(getattr(error, "sentence", "") or error)
            self.now = moved(self.now, Happened.WENT_WRONG, sentence=sentence)
            await self._done()
        else:
            # First: whoever sees that it is paired finds it so.
            await self._done()
            self.now = moved(self.now, Happened.CONFIRMED)

    def _digits_came(self, digits: str) -> None:
        self.now = moved(self.now, Happened.DIGITS_CAME, digits=digits)

    def _crashed(self, task: asyncio.Task[None]) -> None:
        """An error of ours, not of the pairing: the screen must not wait for ever, and the log must have it."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        _log.error(Event.PAIRING_CRASHED, exc_info=error)
        self.now = Pairing(Step.FAILED, sentence=CRASHED_SENTENCE)
