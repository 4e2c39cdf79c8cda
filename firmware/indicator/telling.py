"""The camera service says to the light how it is, twice a second; where there is no light nobody hears it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from capture.errors import CaptureError
from capture.service import CameraClient
from firmware.indicator.facts import facts_of
from firmware.settings import Settings
from firmware.stopping import beside

EVERY_SECONDS: Final = 0.5
LATE_SECONDS: Final = 1800.0
"""For how long a sealed picture may wait for the hospital before the light says so."""
_PATIENCE_SECONDS: Final = 2.0


class Telling:
    """Of one camera service.

    Args:
        settings: of this device: the camera service's socket, and the light's.
        paired: whether it has a hospital.
    """

    def __init__(self, settings: Settings, paired: Callable[[], bool]) -> None:
        self._settings = settings
        self._paired = paired
        self.waiting_ms: Callable[[], int | None] = lambda: None
        """For how long the oldest of what waits has, in milliseconds."""

    def until(self, stop: threading.Event) -> None:
        """Says how it is until `stop` is set, while somebody listens; where it does not answer it is not spoken for."""
        while not stop.wait(EVERY_SECONDS):
            with suppress(OSError, CaptureError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.setblocking(False)
                to.connect(str(self._settings.indicator.socket))
                asyncio.run(self._say(to, stop))

    async def _say(self, to: socket.socket, stop: threading.Event) -> None:
        async with CameraClient(self._settings.socket, timeout_s=_PATIENCE_SECONDS) as client:
            while not stop.is_set():
                health = await client.health()
                waited = self.waiting_ms()
                late = waited is not None and waited > LATE_SECONDS * 1000
                to.send(facts_of(health, paired=self._paired(), late=late).to_bytes())
                await asyncio.sleep(EVERY_SECONDS)


@contextmanager
def telling(settings: Settings, paired: Callable[[], bool]) -> Iterator[Telling]:
    """Says how the camera service of this process is, for the time of a block."""
    ended, told = threading.Event(), Telling(settings, paired)
    with beside("light", lambda: told.until(ended), ended, 0.0):
        yield told
