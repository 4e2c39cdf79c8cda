"""What the device says about itself: its session number, its birth and its will."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography import x509

from capture.disk import RealFiles, write_durably
from sync.mqtt import Retained
from sync.protocol import DeviceFacts, DeviceState, topics
from sync.uplink.settings import DeviceHealth, UplinkSettings
from sync.uplink.storage import Storage

SESSION_FILE: Final = "sync-session"
CHANGED_SECONDS: Final = 30.0
AGAIN_SECONDS: Final = 300.0
READ_SECONDS: Final = 1.0
"""How often certificate, health and waiting are read, which lie on the disk: what is due is asked at every packet."""
CELSIUS_STEP: Final = 5
"""Degrees to which warmth is rounded down, so that it alone is not a change worth saying every half minute."""
WAITED_STEP: Final = 300
"""Seconds to which the waiting of the oldest picture is rounded down, for the same reason."""


def next_session(state: Path) -> int:
    """A number greater than any before on this device.

    Where the file is lost or cannot be written the count begins again; a fleet's page then trusts the newer message.
    """
    file = state / SESSION_FILE
    try:
        number = max(0, int(file.read_text(encoding="ascii"))) + 1
    except (OSError, ValueError):
        number = 1
    with suppress(OSError):
        _keep(file, f"{number}\n".encode("ascii"))
    return number


def _keep(file: Path, data: bytes) -> None:
    """`data` in `file`, also after a power cut: a number that was used twice is taken for an old one."""
    files, temporary = RealFiles(), file.with_suffix(".part")
    files.unlink(temporary)
    write_durably(files, temporary, file, data)


class Presence:
    """Birth and will of one connection.

    Args:
        settings: who we are.
        storage: how much waits.
        session: this connection's number.
        clock: seconds that only grow.
    """

    def __init__(self, settings: UplinkSettings, storage: Storage, session: int, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._storage = storage
        self._session = session
        self._clock = clock
        self._said: bytes = b""
        self._when = self._read_at = float("-inf")
        self._health = DeviceHealth()
        self._days = 0
        self._counted = (0, 0)
        self._oldest: int | None = None

    @property
    def will(self) -> Retained:
        """What the broker says for us if we vanish, and what we say when we leave."""
        return Retained(topics.state(self._settings.device), DeviceState(self._session).encode())

    def due(self) -> Retained | None:
        """What to say now, or None: soon after a change, and now and then without one."""
        since = self._clock() - self._when
        if since < CHANGED_SECONDS:
            return None
        payload = DeviceState(self._session, self._facts()).encode()
        if payload == self._said and since < AGAIN_SECONDS:
            return None
        self._said, self._when = payload, self._clock()
        return Retained(topics.state(self._settings.device), payload)

    def _facts(self) -> DeviceFacts:
        queued, parked, free = self._storage.counts()
        # Rounded, so that free space alone is not a change worth saying every half minute.
        free -= free % (16 * 1024 * 1024)
        if is_late := (now := self._clock()) - self._read_at >= READ_SECONDS:
            self._health, self._days = self._settings.health(), certificate_days(self._settings.tls.certificate)
            self._read_at = now
        if is_late or self._counted != (queued, parked):
            self._counted, self._oldest = (queued, parked), self._storage.oldest_seconds()
        health, oldest = self._health, self._oldest
        return DeviceFacts(
            version=self._settings.version,
            queued=queued,
            parked=parked,
            free_bytes=free,
            certificate_days=self._days,
            models=health.models,
            self_test=health.self_test,
            self_test_at_ms=health.self_test_at_ms,
            system=health.system,
            celsius=None if health.celsius is None else health.celsius - health.celsius % CELSIUS_STEP,
            oldest_seconds=None if oldest is None else oldest - oldest % WAITED_STEP,
        )


def certificate_days(file: Path) -> int:
    """Whole days that the certificate in a PEM file is still valid; 0 where it cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError, x509.InvalidVersion):
        return 0
    return (certificate.not_valid_after_utc - dt.datetime.now(dt.UTC)).days
