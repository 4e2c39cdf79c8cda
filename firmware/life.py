"""Tells systemd that this process lives, for as long as its loop turns (sd_notify(3), sd_watchdog_enabled(3)).

A thread alone would go on talking for a loop that is stuck, and a loop alone would be silent while it does something
long; so the loop signs now and then, and a thread passes that on until the last sign is too old. A process that is
frozen as a whole says nothing. Then systemd ends it and starts it again.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from firmware.stopping import beside

LOOP_SECONDS: Final = 5.0
"""No turn of a loop that only answers takes this long."""
NETWORK_SECONDS: Final = 60.0
"""Nor one that waits for a network: for names, for a connection."""
_SHARES: Final = 4
"""Signs in the time after which systemd gives a silent service up."""


class Life:
    """Of one service.

    Args:
        patience_s: how long its loop may take for one turn.
        environment: where systemd said where to tell it, and how often.
    """

    def __init__(self, patience_s: float, environment: Mapping[str, str] = os.environ) -> None:
        self._patience_s = patience_s
        self._to = environment.get("NOTIFY_SOCKET", "")
        self._limit_s = int(environment.get("WATCHDOG_USEC", "0")) / 1e6
        self._last = time.monotonic()
        self._ready = False

    def sign(self) -> None:
        """Its loop turns; the first sign also says that the service is ready. Cheap, from any thread."""
        self._last = time.monotonic()
        if not self._ready:
            self._ready = True
            self._tell("READY=1")

    def pass_on(self, ended: threading.Event) -> None:
        """Tell systemd until `ended` is set; nothing where it does not want to know."""
        while self._limit_s and not ended.wait(self._limit_s / _SHARES):
            if self._ready and time.monotonic() - self._last < self._patience_s:
                self._tell("WATCHDOG=1")

    def _tell(self, said: str) -> None:
        if self._to:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.connect(self._to.replace("@", "\0", 1) if self._to.startswith("@") else self._to)
                to.send(said.encode())


@contextmanager
def living(patience_s: float) -> Iterator[Life]:
    """The life of this service for the time of a block; see :class:`Life`."""
    life, ended = Life(patience_s), threading.Event()
    with beside("life", lambda: life.pass_on(ended), ended):
        yield life
