"""Keeps a broker's rights as the registry has them, so that a revocation reaches it within seconds.

A shell around :func:`provisioning.broker.mosquitto_rights`: it looks, writes what has changed, and has the broker read
it. A broker that could not be told is told again at the next look.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from provisioning.broker import RIGHTS, rights_of, write_rights
from provisioning.errors import BrokerNotTold, ProvisioningError
from provisioning.events import Event
from provisioning.site import Site

LOOK_SECONDS: Final = 5.0
"""How often the registry is looked at; a revocation has to reach the broker within a minute."""
RELOAD_SECONDS: Final = 20.0

_log = structlog.get_logger(__name__)


class RightsKeeper:
    """Keeps the ACL file in `folder` for `site`.

    Args:
        site: whose registry counts.
        folder: where `wardlens site broker-config` wrote.
        reload: has the broker read the file; raises BrokerNotTold where it cannot.
        told: the broker has just begun with the file as it is. To tell it again at once would be to tell a process that
            may not have got as far as listening to signals, and ends of one.
    """

    def __init__(self, site: Site, folder: Path, reload: Callable[[], None], *, told: bool = False) -> None:
        self._site = site
        self._folder = folder
        self._reload = reload
        # Whoever wrote it before may have ended before the broker was told.
        self._owed = not told

    def look(self) -> bool:
        """Whether the broker was told something now.

        Raises:
            BrokerNotTold: it could not be told; it is still to be told.
            StorageRefused: the file cannot be written.
        """
        if not self._as_it_should_be():
            self._owed = True
            write_rights(self._site, self._folder)
        if not self._owed:
            return False
        self._reload()
        self._owed = False
        return True

    def keep(self, stop: threading.Event, every: float = LOOK_SECONDS) -> None:
        """Looks again and again until `stop` is set; what goes wrong is logged and tried again."""
        failed = ""
        while not stop.is_set():
            try:
                if self.look():
                    _log.info(Event.BROKER_TOLD.value, denied=len(self._site.denied()))
                failed = ""
            except ProvisioningError as error:
                if str(error) != failed:
                    _log.error(Event.BROKER_NOT_TOLD.value, sentence=str(error), alarm=True)
                failed = str(error)
            stop.wait(every)

    def _as_it_should_be(self) -> bool:
        try:
            return (self._folder / RIGHTS).read_bytes() == rights_of(self._site).encode()
        except OSError:
            return False


def last_known_denied(site: Site) -> Callable[[], tuple[str, ...]]:
    """Gives the devices that a broker of ours must turn away; while the registry cannot be read, those it gave last."""
    known = site.denied()

    def denied() -> tuple[str, ...]:
        nonlocal known
        try:
            known = site.denied()
        except ProvisioningError as error:
            _log.error(Event.BROKER_NOT_TOLD.value, sentence=str(error), alarm=True)
        return known

    return denied


def reload_command(command: Sequence[str]) -> Callable[[], None]:
    """Runs `command`, without a shell, to have a broker read its rights."""

    def run() -> None:
        try:
            done = subprocess.run(  # noqa: S603 - the program that IT names in the settings
                list(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=RELOAD_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BrokerNotTold from error
        if done.returncode != 0:
            raise BrokerNotTold

    return run
