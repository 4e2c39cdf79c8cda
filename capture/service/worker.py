"""One thread that does the shutter's work, one piece at a time, in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from capture.crashes import foreseen
from capture.errors import CaptureError, EngineNotReady

T = TypeVar("T")

MOST_WAITING: Final = 8
_BUSY: Final = "The camera is still busy with the last pictures. Wait a moment and try again."


class Worker:
    """Runs what it is given on its own thread. A daemon: a kill never waits for it."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="stills", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Finish what is being done; waits at most `timeout` seconds."""
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                break
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """The future result of `work`, or a CaptureError.

        Raises:
            EngineNotReady: too much is waiting already.
        """
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(foreseen(work, "stills"))
            except CaptureError as failed:
                future.set_exception(failed)

        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise EngineNotReady(_BUSY) from None
        return future

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
