"""What ends a process whose thread hangs, even in a call of C that holds the interpreter: a thread of C (ADR 0019)."""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from capture.errors import CameraHung
from firmware.terminal import err

if TYPE_CHECKING:
    from capture.service import CameraServiceParts

HANGS_S: Final = 10.0
"""No turn of the camera's thread takes this long: each call that it makes has a deadline of three seconds."""
_AS_OFTEN_S: Final = 1.0
_STDERR: Final = 2


class LastResort:
    """Ends this process with status 1 when it has not heard a beat for `seconds` since the first one.

    It says on standard error where each thread was: files, lines and names of functions, no values.
    """

    def __init__(self, seconds: float = HANGS_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._heard = -_AS_OFTEN_S

    def beat(self) -> None:
        """The thread that is watched lives. Cheap: one beat a second is heard, the others are dropped."""
        now = self._clock()
        if now - self._heard >= min(_AS_OFTEN_S, self._seconds / 4):
            self._heard = now
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=_STDERR)

    def disarm(self) -> None:
        """Watch no more."""
        faulthandler.cancel_dump_traceback_later()


def served(
    parts: CameraServiceParts, socket: Path, stop: threading.Event, alive: Callable[[], None] = lambda: None
) -> int:
    """The exit status of a camera service that ran until `stop` was set: 0, or 1 if its camera hung."""
    from capture.service import run_camera_service

    try:
        run_camera_service(parts, socket, stop, alive)
    except CameraHung as hung:
        err.print(hung.sentence, markup=False)
        return 1
    return 0
