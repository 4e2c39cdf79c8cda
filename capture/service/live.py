"""The live view: camera → de-identify → encode → the latest moment, for whoever watches."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from capture.camera import CameraState, CameraSupervisor
from capture.crashes import where
from capture.encoding import JpegPhoto, encode_jpeg
from capture.errors import EngineNotReady
from capture.events import Event
from capture.quality import LOOK_AT_LIVE, Verdict, assess
from capture.service.engine import Engine
from capture.service.guide import Guide
from inference.picture import Region

_IDLE_S = 0.25
_UNTAKEN_S = 0.12
"""After this long a next moment is made though nobody has the latest: who asks then gets no old one."""


class Rate:
    """Events a second over the last `window_s` seconds. Pure but for what it remembers."""

    def __init__(self, window_s: float = 2.0) -> None:
        self._window_s = window_s
        self._marks: deque[float] = deque()

    def mark(self, now: float) -> None:
        """One event, now."""
        self._marks.append(now)
        self._forget(now)

    def per_second(self, now: float) -> float:
        """The rate now; 0.0 when nothing came for the whole window."""
        self._forget(now)
        return len(self._marks) / self._window_s

    def _forget(self, now: float) -> None:
        while self._marks and self._marks[0] <= now - self._window_s:
            self._marks.popleft()


@dataclass(frozen=True, slots=True)
class LiveMoment:
    """One moment of the live view, encoded.

    Attributes:
        sequence: grows by one with each moment.
        jpeg: the picture.
        regions: what is covered in it.
        monotonic_ns: when its light was taken.
        advice: what a picture taken now would be like; None where nobody judged.
    """

    sequence: int
    jpeg: JpegPhoto
    regions: tuple[Region, ...]
    monotonic_ns: int
    advice: Verdict | None = None


class LiveFeed:
    """The latest moment, written by one thread and awaited by any number of readers on event loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: LiveMoment | None = None
        self._sequence = 0
        self._taken = threading.Event()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def latest(self) -> LiveMoment | None:
        """The newest moment, or None while there is no live view."""
        return self._latest

    def wait_until_taken(self, patience_s: float) -> None:
        """Returns when somebody has the latest moment, or there is none, or after `patience_s` seconds.

        A moment that nobody has yet makes the next one needless: the processor is the screen's until it is shown.
        """
        if self._latest is not None:
            self._taken.wait(patience_s)

    def put(
        self, jpeg: JpegPhoto, regions: tuple[Region, ...], monotonic_ns: int, advice: Verdict | None = None
    ) -> None:
        """A new moment: whoever waits gets it."""
        with self._lock:
            self._sequence += 1
            self._latest = LiveMoment(self._sequence, jpeg, regions, monotonic_ns, advice)
            self._taken.clear()
            self._wake()

    def clear(self) -> None:
        """There is no live view: nothing old is shown."""
        with self._lock:
            if self._latest is not None:
                self._latest = None
                self._wake()

    async def after(self, sequence: int, patience_s: float) -> LiveMoment | None:
        """The first moment above `sequence`; what there is when `patience_s` seconds bring none, or at a clear."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._latest is not None and self._latest.sequence > sequence:
                return self._take()
            changed: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, changed))
        try:
            await asyncio.wait_for(changed, patience_s)
        except TimeoutError:
            with self._lock:
                self._waiting = [entry for entry in self._waiting if entry[1] is not changed]
        with self._lock:
            return self._take()

    def _take(self) -> LiveMoment | None:
        self._taken.set()
        return self._latest

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for loop, changed in waiting:
            loop.call_soon_threadsafe(_set, changed)


def _set(changed: asyncio.Future[None]) -> None:
    if not changed.done():
        changed.set_result(None)


class LiveLoop:
    """One thread from the camera's latest frame to the feed's latest moment."""

    def __init__(
        self,
        camera: CameraSupervisor,
        engine: Engine,
        *,
        quality: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.feed = LiveFeed()
        self._camera = camera
        self._engine = engine
        self._quality = quality
        self._clock = clock
        self._rate = Rate()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._log = structlog.get_logger()

    @property
    def frames_per_second(self) -> float:
        """How fast the live view goes."""
        return round(self._rate.per_second(self._clock()), 1)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """End; waits at most `timeout` seconds."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        sequence, guide = 0, Guide()
        while not self._stop.is_set():
            self.feed.wait_until_taken(_UNTAKEN_S)
            newer = self._camera.frames.newer_than(sequence, _IDLE_S)
            if newer is None:
                if self._camera.status.state is not CameraState.READY:
                    self.feed.clear()
                continue
            sequence, frame = newer
            try:
                view = self._engine.live(frame)
                jpeg = encode_jpeg(view, quality=self._quality)
                like = assess(frame.pixels, look_at=LOOK_AT_LIVE, wound=view.wound).verdict
                advice = guide.advice(like, self._clock())
            except EngineNotReady:
                self.feed.clear()
                self._stop.wait(_IDLE_S)
            except BaseException as crashed:  # noqa: BLE001 - the live view's supervisor: it shows nothing, and goes on
                self._log.error(Event.WORKER_CRASHED, worker="live", error=where(crashed))
                self.feed.clear()
                self._stop.wait(_IDLE_S)
            else:
                self.feed.put(jpeg, view.regions, view.monotonic_ns, advice)
                self._rate.mark(self._clock())
