"""Calls that may never return, each with a deadline. What still hangs is never joined by a second call beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from capture.errors import CameraHung, CameraStalled

T = TypeVar("T")


class Deadline:
    """Makes calls on a thread of their own and waits for each at most `seconds`.

    A call that holds the interpreter stops this wait too; see ADR 0019 for what ends the process then.
    """

    def __init__(self, seconds: float, name: str, hangs: str) -> None:
        self._seconds = seconds
        self._name = name
        self._hangs = hangs
        self._hanging: threading.Thread | None = None

    def call(self, work: Callable[[], T], *, undo: Callable[[T], object] = lambda _: None) -> T:
        """The result of `work`, or what it raises; a result that comes too late is undone.

        Raises:
            CameraHung: what took too long before still does.
            CameraStalled: it took too long.
        """
        if self._hanging is not None and self._hanging.is_alive():
            raise CameraHung(self._hangs)
        answer: Future[T] = Future()

        def run() -> None:
            try:
                result = work()
            except Exception as failed:  # noqa: BLE001 - it is raised again in the thread that waits
                if answer.set_running_or_notify_cancel():
                    answer.set_exception(failed)
                return
            if answer.set_running_or_notify_cancel():
                answer.set_result(result)
            else:
                undo(result)

        thread = threading.Thread(target=run, name=self._name, daemon=True)
        thread.start()
        try:
            return answer.result(self._seconds)
        except TimeoutError:
            if answer.cancel():
                self._hanging = thread
                raise CameraStalled from None
            return answer.result()  # it came in the same moment
