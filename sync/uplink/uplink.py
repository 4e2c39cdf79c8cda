"""The supervisor of the uplink: connects, serves, and after anything that goes wrong waits and begins anew."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

import structlog

from capture.errors import CaptureError
from capture.ledger import Ledger
from capture.vault import Vault
from sync.errors import BrokerNotThere, BrokerUnavailable
from sync.events import SyncEvent
from sync.mqtt import Connection, open_connection
from sync.protocol.backoff import Chance, delay
from sync.protocol.device import DeviceMachine, ReceiptKeys
from sync.uplink.presence import Presence, next_session
from sync.uplink.session import Heads, Session
from sync.uplink.settings import UplinkSettings
from sync.uplink.status import StatusFile, UplinkStatus
from sync.uplink.storage import Storage

STEADY_SECONDS: Final = 30.0
"""A connection that lasted this long ends the backing off."""

ALIVE_SECONDS: Final = 5.0
"""How often the status is renewed during a long wait."""

_CHANCE: Final[Chance] = secrets.SystemRandom().random
_log = structlog.get_logger()


class Uplink:
    """Sends what the vault holds until it is told to stop.

    Args:
        vault: the device's vault.
        ledger: the sync service's own chain.
        settings: the broker and who we are.
        receipt_keys: the site's receipt keys in force, by name; asked at each receipt.
        heads: the signed heads of all of this device's chains; asked at each offer.
        clock: seconds that only grow.
        chance: uniform in [0, 1).
        alive: called whenever it says how it is, which is every few seconds at least.
    """

    def __init__(
        self,
        vault: Vault,
        ledger: Ledger,
        settings: UplinkSettings,
        receipt_keys: ReceiptKeys,
        heads: Heads,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Chance = _CHANCE,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage = Storage(vault, ledger)
        self._settings = settings
        self._receipt_keys = receipt_keys
        self._heads = heads
        self._clock = clock
        self._chance = chance
        self._status = StatusFile(settings.state, clock=clock, alive=alive)
        self._spoken: Literal[4, 5] | None = None
        self._machine = self._new_machine()

    def status(self) -> UplinkStatus:
        """How it is doing now."""
        return self._status.now

    def run(self, stop: threading.Event) -> None:
        """Nothing, once `stop` is set. Whatever goes wrong meanwhile is said in the status and tried again."""
        _log.info(SyncEvent.UPLINK_STARTED, broker=self._where)
        attempt = 0
        while not stop.is_set():
            began = self._clock()
            try:
                self._once(stop)
            except BrokerUnavailable as error:
                _log.warning(SyncEvent.BROKER_UNREACHABLE, kind=type(error).__name__, sentence=str(error))
                self._say(_for_the_bedside(error))
            except CaptureError as error:
                _log.error(SyncEvent.VAULT_UNREADABLE, kind=type(error).__name__)
                self._say(error.sentence)
                self._machine = self._new_machine()  # this one believes that all it asked for was kept
            except Exception:  # noqa: BLE001 - the watchdog: a mistake of ours must not stop sending for good
                _log.exception(SyncEvent.UPLINK_RESTARTED)
                self._say("The sync service stumbled and begins again. If this stays, call IT.")
                self._machine = self._new_machine()
            attempt = 1 if self._clock() - began > STEADY_SECONDS else attempt + 1
            self._wait(delay(attempt, self._chance), stop)
        self._storage.stopped()
        self._say("The sync service has stopped.")
        _log.info(SyncEvent.UPLINK_STOPPED, broker=self._where)

    def close(self) -> None:
        """Vault and ledger are free for another."""
        self._storage.close()

    @property
    def _where(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def _once(self, stop: threading.Event) -> None:
        """One connection, from its making to its end."""
        self._storage.begin()
        session = next_session(self._settings.state)
        presence = Presence(self._settings, self._storage, session, self._clock)
        # The sentence of what went wrong stays on the screen while it is tried again.
        self._status.show(replace(self._status.now, connected=False, broker=self._where))
        connection = open_connection(self._settings.broker, will=presence.will, prefer=self._spoken, clock=self._clock)
        self._spoken = connection.terms.protocol
        _log.info(SyncEvent.BROKER_CONNECTED, broker=self._where, protocol=self._spoken, session=session)
        try:
            self._session(connection, presence).serve(stop)
        finally:
            self._machine.disconnected(self._clock())
            connection.close()

    def _session(self, connection: Connection, presence: Presence) -> Session:
        return Session(
            connection, self._machine, self._storage, presence, self._settings, self._status, self._heads, self._clock
        )

    def _new_machine(self) -> DeviceMachine:
        return DeviceMachine(self._settings.device, self._settings.site, self._receipt_keys, self._chance)

    def _wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait, with a sign of life now and then, so that the panel knows that we do."""
        until = self._clock() + seconds
        while not stop.is_set() and (left := until - self._clock()) > 0:
            self._status.show(self._status.now)
            stop.wait(min(left, ALIVE_SECONDS))

    def _say(self, sentence: str) -> None:
        self._status.show(UplinkStatus(sentence=sentence, broker=self._where), at_once=True)


def _for_the_bedside(error: BrokerUnavailable) -> str:
    """What is wrong, for who stands before the device: when nobody answers, first that no picture is lost by it."""
    if isinstance(error, BrokerNotThere):
        return f"The hospital cannot be reached. Pictures are safe here and sent later. For IT: {error}"
    return str(error)
