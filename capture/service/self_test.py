"""The device tests itself when it starts and every day: without a passed test there is no picture.

It looks at a phantom, a drawn picture in which it knows where every identifier is, seals what came out for the hospital
as it would a patient's picture (and drops it), and asks its other parts. What fails is tried again every few seconds,
alone, so that a camera that is plugged in again is enough.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from capture.crashes import where
from capture.errors import CaptureError, SelfTestFailed, SelfTestPending
from capture.events import Event
from inference.picture import Frame, Photo, Pixels

EVERY_SECONDS: Final = 24 * 3600.0
AGAIN_SECONDS: Final = 3.0
FIRST_SECONDS: Final = 10.0
"""How long a picture waits for the first test."""
PHANTOM: Final = "phantom"
SEALING: Final = "sealing"
CAMERA: Final = "camera"
_CRASHED: Final = "The device's test of itself failed in an unforeseen way. Restart it; if it repeats, call IT."

Check = Callable[[], str]
"""Looks at one part: a sentence that says what is wrong and what to do, or nothing if all is well.

It may raise a CaptureError instead, whose sentence is taken.
"""


class Phantom(Protocol):
    """A picture in which is known what must be hidden (inference.scenes.draw_phantom)."""

    @property
    def pixels(self) -> Pixels:
        """The picture."""
        ...

    def shortcomings(self, covered: Pixels) -> tuple[str, ...]:
        """Names of what is wrong with the same picture, de-identified."""
        ...


class SelfTestState(StrEnum):
    """How the last test ended."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SelfTested:
    """What the last test found.

    Attributes:
        at_ms: when it ended, Unix milliseconds; 0 before the first.
        parts: each part that was looked at → what is wrong with it; empty where nothing is.
    """

    at_ms: int = 0
    parts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def failed(self) -> tuple[str, ...]:
        """The parts with which something is wrong."""
        return tuple(part for part, wrong in self.parts.items() if wrong)

    @property
    def state(self) -> SelfTestState:
        """How it ended."""
        if not self.at_ms:
            return SelfTestState.PENDING
        return SelfTestState.FAILED if self.failed else SelfTestState.PASSED

    @property
    def sentence(self) -> str:
        """For the screen: what is wrong with the first part that failed, and what to do."""
        match self.state:
            case SelfTestState.PENDING:
                return SelfTestPending().sentence
            case SelfTestState.PASSED:
                return "The device has tested itself, and all is well."
            case SelfTestState.FAILED:
                return self.parts[self.failed[0]]


class SelfTest:
    """Tests the device on a thread of its own, and holds the shutter until it has passed.

    Args:
        checks: part → what looks at it, in order.
        elsewhere: parts whose failure the shutter meets by itself, so that it is not held for them.
        engine_ready: set once pictures can be looked at.
        told: hears of each whole test that ended, and of each change since, before it counts.
        wall_ms: Unix milliseconds.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        engine_ready: threading.Event,
        *,
        told: Callable[[SelfTested], None],
        wall_ms: Callable[[], int],
        elsewhere: Collection[str] = (),
        every_s: float = EVERY_SECONDS,
        again_s: float = AGAIN_SECONDS,
        first_s: float = FIRST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = checks
        self._engine_ready = engine_ready
        self._told = told
        self._elsewhere = frozenset(elsewhere)
        self._wall_ms = wall_ms
        self._every_s = every_s
        self._again_s = again_s
        self._first_s = first_s
        self._clock = clock
        self._turns = threading.Condition()
        self._asked = 0
        self._answered = 0
        self._stopping = False
        self._last = SelfTested()
        self._thread = threading.Thread(target=self._run, name="self-test", daemon=True)

    @property
    def last(self) -> SelfTested:
        """What the last test found."""
        return self._last

    def start(self) -> None:
        """Begin: the first test is made as soon as pictures can be looked at."""
        self._thread.start()

    def stop(self, timeout: float = 0.5) -> None:
        """Test no more; waits at most `timeout` seconds."""
        with self._turns:
            self._stopping = True
            self._turns.notify_all()
        self._engine_ready.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def require(self) -> None:
        """Nothing, when the last test lets a picture be taken; the first one is waited for.

        Raises:
            SelfTestPending: there was none yet, and none ended in a while.
            SelfTestFailed: a part failed that the shutter does not meet by itself.
        """
        with self._turns:
            self._turns.wait_for(lambda: self._last.at_ms or self._stopping, self._first_s)
            last = self._last
        if last.state is SelfTestState.PENDING:
            raise SelfTestPending
        for part in last.failed:
            if part not in self._elsewhere:
                raise SelfTestFailed(last.parts[part])

    def now(self, timeout: float) -> SelfTested:
        """The result of a whole test that begins now.

        Raises:
            SelfTestPending: it did not end in `timeout` seconds.
        """
        with self._turns:
            self._asked += 1
            mine = self._asked
            self._turns.notify_all()
            if not self._turns.wait_for(lambda: self._answered >= mine or self._stopping, timeout) or self._stopping:
                raise SelfTestPending
            return self._last

    def _run(self) -> None:
        self._engine_ready.wait()
        while not self._stopping:
            asked = self._asked
            self._test(tuple(self._checks))
            with self._turns:
                self._answered = asked
                self._turns.notify_all()
            self._wait(self._clock() + self._every_s)

    def _wait(self, due: float) -> None:
        """Until a whole test is due or asked for; meanwhile what failed is looked at again."""
        while not self._stopping and self._asked == self._answered and self._clock() < due:
            again = self._again_s if self._last.failed else due - self._clock()
            with self._turns:
                woken = self._turns.wait_for(lambda: self._stopping or self._asked != self._answered, max(0.0, again))
            if not woken and self._last.failed:
                self._test(self._last.failed)

    def _test(self, parts: tuple[str, ...]) -> None:
        found = dict(self._last.parts)
        for part in parts:
            found[part] = self._looked_at(part)
        result = SelfTested(self._wall_ms(), MappingProxyType(found))
        if self._stopping:
            return
        if parts == tuple(self._checks) or result.failed != self._last.failed:
            self._told(result)
        with self._turns:
            self._last = result
            self._turns.notify_all()

    def _looked_at(self, part: str) -> str:
        try:
            return self._checks[part]()
        except CaptureError as failed:
            return failed.sentence
        except BaseException as crashed:  # noqa: BLE001 - a part that cannot be asked has failed, and the service stays up
            structlog.get_logger().error(Event.WORKER_CRASHED, worker="self-test", error=where(crashed))
            return _CRASHED


def looks_at(
    phantom: Callable[[], Phantom], still: Callable[[Frame], Photo], seal: Callable[[Photo], None]
) -> dict[str, Check]:
    """The checks that need the de-identifier: that the phantom is hidden, and that what came out can be sealed."""
    unsealed: list[Photo] = []

    def look() -> tuple[str, ...]:
        drawn = phantom()
        photo = still(Frame(drawn.pixels, time.monotonic_ns()))
        unsealed[:] = [photo]
        return drawn.shortcomings(photo.pixels)

    def hides() -> str:
        if not (wrong := look()):
            return ""
        return (
            f"De-identification failed on the test picture ({', '.join(wrong)}), so no picture can be taken. "
            "Do not use this device; call IT."
        )

    def seals() -> str:
        if not unsealed:  # nothing was looked at in this round, or that failed
            look()
        seal(unsealed[0])
        unsealed.clear()
        return ""

    return {PHANTOM: hides, SEALING: seals}
