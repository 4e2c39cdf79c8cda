"""The threads that detectors look on, and what happens to one that never comes back.

A detector that is past its deadline keeps its thread, and nothing can end it. So it is left behind with its thread, and
others take over; only so many may be left behind, and then there is no picture until the service is started anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from inference.errors import DetectionFailed

T = TypeVar("T")

MOST_HANGING: Final = 8
"""Looks that may hang at once: each holds a thread and a picture of up to 36 MB."""


class Workers:
    """`threads` looks beside each other. Every method may be called from any thread."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._asked: list[Future[Any]] = []
        self._left: list[Future[Any]] = []
        self._pool = self._new_pool()

    def submit(self, look: Callable[..., T], *args: object) -> Future[T]:
        """The future answer of `look`.

        Raises:
            DetectionFailed: too many looks hang, or no thread can be had.
        """
        with self._lock:
            self._asked, self._left = _unfinished(self._asked), _unfinished(self._left)
            if len(self._left) >= MOST_HANGING:
                raise DetectionFailed(
                    "Detectors hang, so no picture is taken. Restart the device; if it repeats, call IT."
                )
            try:
                future = self._pool.submit(look, *args)
            except RuntimeError as refused:
                raise DetectionFailed(
                    "The detectors cannot be started. Restart the device; if it repeats, call IT."
                ) from refused
            self._asked.append(future)
            return future

    def leave_behind(self) -> None:
        """Somebody is past a deadline: whatever runs now is left to its thread, whatever waits is cancelled."""
        with self._lock:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._left += _unfinished(self._asked)
            self._asked = []
            self._pool = self._new_pool()

    def close(self) -> None:
        """What has begun ends by itself; nothing more begins."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="detector")


def _unfinished(looks: list[Future[Any]]) -> list[Future[Any]]:
    return [look for look in looks if not look.done()]
