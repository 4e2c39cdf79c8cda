"""What becomes of an error that nobody foresaw: a sentence for the screen, and a log line without the error's words.

The words of a foreign exception may hold what it failed on: a decoded text, a name, a row of pixels (promise 12).
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from capture.errors import CaptureError
from capture.events import Event

T = TypeVar("T")


def foreseen(work: Callable[[], T], worker: str) -> T:
    """The result of `work`.

    Raises:
        CaptureError: whatever it raises.
    """
    try:
        return work()
    except CaptureError:
        raise
    except BaseException as crashed:  # noqa: BLE001 - the supervisor of what runs for a request
        structlog.get_logger().error(Event.WORKER_CRASHED, worker=worker, error=where(crashed))
        raise CaptureError from None


def where(error: BaseException) -> str:
    """As in `MemoryError at covering.py:31 in cover < deidentifier.py:165 in still`: innermost place first."""
    places = [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    ]
    return f"{type(error).__name__} at {' < '.join(places)}" if places else type(error).__name__
