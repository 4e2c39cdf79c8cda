"""How the uplink is doing, in a small file that the panel reads: no patient data, no keys."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

STATUS_FILE: Final = "sync-status.json"
"""Its name in the device's state folder."""

WRITE_SECONDS: Final = 0.5
ALIVE_SECONDS: Final = 10.0
STALE_SECONDS: Final = 30.0
_CAPTURE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """What the panel shows about sending.

    Attributes:
        connected: whether the broker has let us in.
        sentence: one sentence for the screen; what to do where something is wrong.
        broker: host and port.
        protocol: 4 (MQTT 3.1.1) or 5 once connected, else 0.
        receivers: whether somebody at the hospital listens; None where it is not known.
        sending: the capture on its way now, or empty.
        sent, count: how many of its chunks the broker was given, of all.
        updated_at_ms: when this was written, this machine's Unix milliseconds.
    """

    connected: bool = False
    sentence: str = "The sync service is starting."
    broker: str = ""
    protocol: int = 0
    receivers: bool | None = None
    sending: str = ""
    sent: int = 0
    count: int = 0
    updated_at_ms: int = 0

    def __post_init__(self) -> None:
        for name, kind in (("connected", bool), ("sentence", str), ("broker", str), ("protocol", int)):
            if type(getattr(self, name)) is not kind:
                raise ValueError(f"{name} must be a {kind.__name__}")
        if self.receivers is not None and type(self.receivers) is not bool:
            raise ValueError("receivers must be true, false or null")
        if not isinstance(self.sending, str) or (self.sending and not _CAPTURE.fullmatch(self.sending)):
            raise ValueError("sending must be a capture id or empty")
        for name in ("sent", "count", "updated_at_ms"):
            if type(getattr(self, name)) is not int or not 0 <= getattr(self, name) < 2**63:
                raise ValueError(f"{name} must be a whole number")


def read_status(state: Path, *, now: Callable[[], float] = time.time) -> UplinkStatus:
    """How the uplink is doing, from the device's state folder; says so where it seems not to run."""
    try:
        status = UplinkStatus(**json.loads((state / STATUS_FILE).read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return UplinkStatus(sentence="The sync service has not said anything yet.")
    if abs(now() - status.updated_at_ms / 1000) > STALE_SECONDS:
        return UplinkStatus(
            sentence="The sync service does not answer. Pictures are safe on the device; call IT if this stays.",
            broker=status.broker,
            updated_at_ms=status.updated_at_ms,
        )
    return status


class StatusFile:
    """Writes the status when it changed, at most twice a second, and now and then as a sign of life.

    A file that cannot be written is left as it is: the reader then sees that it is old.
    """

    def __init__(
        self,
        state: Path,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = state / STATUS_FILE
        self._clock = clock
        self._wall = wall
        self._alive = alive
        self._written: UplinkStatus | None = None
        self._when = float("-inf")
        self.now = UplinkStatus()

    def show(self, status: UplinkStatus, *, at_once: bool = False) -> None:
        """Note the status; write it when it is time."""
        self.now = status
        self._alive()
        since = self._clock() - self._when
        wait = ALIVE_SECONDS if status == self._written else WRITE_SECONDS
        if at_once or since >= wait:
            self._write(status)

    def _write(self, status: UplinkStatus) -> None:
        stamped = replace(status, updated_at_ms=int(self._wall() * 1000))
        temporary = self._path.with_suffix(".part")
        with suppress(OSError):
            temporary.write_text(json.dumps(asdict(stamped)), encoding="utf-8")
            os.replace(temporary, self._path)  # noqa: PTH105 - the same as Path.replace, and its name says what counts
        self._written, self._when = status, self._clock()
