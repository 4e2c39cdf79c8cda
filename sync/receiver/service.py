"""The receiver as a process: it loses the broker or the archive, says so, and comes back by itself."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog

from capture.identifiers import SiteId
from sync.errors import BrokerUnavailable
from sync.events import SyncEvent
from sync.mqtt import BrokerSettings, Retained, open_connection
from sync.protocol import Receivers, topics
from sync.receiver.archive import Archive, ArchiveSettings, Heartbeat, Limits
from sync.receiver.errors import ArchiveUnavailable
from sync.receiver.ingest import Ingest, no_step
from sync.receiver.listening import Listening
from sync.receiver.opening import OpeningKey
from sync.receiver.patience import BURST, PER_SECOND, Patience
from sync.receiver.trust import DeviceTrust, ReceiptSigner

RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
END_SECONDS: Final = 1.5
"""How long a stop waits for the capture that is just being filed. What is cut short was not acknowledged."""

log: Final = structlog.get_logger("wardlens.receiver")


class State(StrEnum):
    """What a receiver says it is doing."""

    STARTING = "starting"
    LISTENING = "listening"
    NO_BROKER = "no-broker"
    NO_ARCHIVE = "no-archive"
    STOPPED = "stopped"


def nobody_to_tell(_state: State) -> None:
    """For a receiver that nobody watches."""


@dataclass(frozen=True, slots=True)
class ReceiverParts:
    """All that a receiver process is made of, as values and ports.

    Attributes:
        site: whose hospital this is.
        archive: where everything goes.
        broker: where it listens, and as whom.
        trust: which devices are the site's own.
        opening_keys: what opens envelopes; asked for at each capture. None files them sealed.
        opening_key_ids: the ids of the site's opening keys, for which an envelope that is filed sealed must be.
        receipt_signer: what signs receipts; asked for at each capture.
        name: in the status and the receivers' topic; made up anew at each start where not given.
        limits: what one device may have under way.
        nonsense_in_a_row, nonsense_a_second: how much of one device may mean nothing, and how fast that comes back.
        tell: told each change of state, from the receiver's thread (systemd's READY, a demo's progress).
    """

    site: SiteId
    archive: ArchiveSettings
    broker: BrokerSettings
    trust: DeviceTrust
    opening_keys: Callable[[], Sequence[OpeningKey]] | None
    receipt_signer: Callable[[], ReceiptSigner]
    name: str = ""
    limits: Limits = field(default_factory=Limits)
    nonsense_in_a_row: int = BURST
    nonsense_a_second: float = PER_SECOND
    opening_key_ids: Callable[[], Container[str]] = frozenset
    tell: Callable[[State], None] = nobody_to_tell


class Receiver:
    """Listens until it is told to stop.

    Args:
        name: in the status and in the receivers' topic.
        broker: where it listens.
        archive: shared with the other receivers.
        ingest: what is done with a message.
        tell: told each change of state, from the thread that runs this.
        step: see :class:`~sync.receiver.ingest.Ingest`.
    """

    def __init__(
        self,
        name: str,
        broker: BrokerSettings,
        archive: Archive,
        ingest: Ingest,
        *,
        tell: Callable[[State], None] = nobody_to_tell,
        step: Callable[[str], None] = no_step,
    ) -> None:
        self.name = name
        self.state = State.STARTING
        self._broker = broker
        self._archive = archive
        self._ingest = ingest
        self._tell = tell
        self._step = step
        self._started_at_ms = archive.clock()

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set; ends within a second of it unless the broker is just being reached."""
        log.info(SyncEvent.RECEIVER_STARTED, receiver=self.name)
        failures = 0
        while not stop.is_set():
            before = self._ingest.tally.filed
            try:
                self._session(stop)
            except BrokerUnavailable as error:
                self._enter(State.NO_BROKER)
                log.warning(SyncEvent.BROKER_UNREACHABLE, reason=type(error).__name__, sentence=str(error))
            except ArchiveUnavailable as error:
                self._enter(State.NO_ARCHIVE)
                log.error(  # noqa: TRY400 - what to do is the sentence; a traceback helps nobody
                    SyncEvent.ARCHIVE_AWAY, reason=type(error).__name__, sentence=error.sentence, alarm=True
                )
            except Exception:
                log.exception(SyncEvent.RECEIVER_RESTARTED, receiver=self.name)
            failures = 0 if self._ingest.tally.filed > before else failures + 1
            stop.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
        self._enter(State.STOPPED)
        log.info(SyncEvent.RECEIVER_STOPPED, receiver=self.name, filed=self._ingest.tally.filed)

    def heartbeat(self) -> Heartbeat:
        """What `wardlens receiver status` shows of this receiver."""
        return Heartbeat(
            receiver=self.name,
            host=socket.gethostname(),
            process=os.getpid(),
            broker=f"{self._broker.host}:{self._broker.port}",
            started_at_ms=self._started_at_ms,
            seen_at_ms=self._archive.clock(),
            state=self.state.value,
            filed=self._ingest.tally.filed,
            refused=self._ingest.tally.refused,
        )

    def _session(self, stop: threading.Event) -> None:
        # Nobody is told that somebody listens before the archive answers.
        self._archive.check()
        session = self._archive.clock()
        present = Receivers(present=True, receiver=self.name, session=session)
        gone = Receivers(present=False, receiver=self.name, session=session).encode()
        connection = open_connection(self._broker, will=Retained(topics.RECEIVERS, gone))
        listening = Listening(
            connection, self._archive, self._ingest, present, heartbeat=self.heartbeat, step=self._step
        )
        try:
            listening.begin()
            self._enter(State.LISTENING)
            while not stop.is_set():
                listening.turn()
        finally:
            # Leaving in order sends no will, so this says the same. Other receivers answer it with their presence.
            with contextlib.suppress(BrokerUnavailable):
                connection.publish(topics.RECEIVERS, gone, retain=True)
            connection.close()

    def _enter(self, state: State) -> None:
        if state is self.state:
            return
        self.state = state
        if state in {State.NO_BROKER, State.STOPPED}:
            # While it listens its turns beat; here it says once that it does not.
            with contextlib.suppress(ArchiveUnavailable):
                self._archive.beat(self.heartbeat())
        self._tell(state)


def run_receiver(parts: ReceiverParts, stop: threading.Event | None = None) -> None:
    """Receives until SIGTERM or SIGINT (or `stop`), and ends within two seconds of it.

    Raises:
        ArchiveUnavailable: the archive cannot be opened at the start.
        ArchiveTooNew: a newer Wardlens wrote it.
    """
    stop = threading.Event() if stop is None else stop
    archive = Archive.open(parts.archive, limits=parts.limits)
    ingest = Ingest(
        archive,
        site=parts.site,
        trust=parts.trust,
        keys=parts.opening_keys,
        key_ids=parts.opening_key_ids,
        signer=parts.receipt_signer,
        patience=Patience(time.monotonic, parts.nonsense_in_a_row, parts.nonsense_a_second),
    )
    name = parts.name or f"receiver-{secrets.token_hex(4)}"
    receiver = Receiver(name, parts.broker, archive, ingest, tell=parts.tell)
    # A daemon, because a connection that is just being made cannot be interrupted, and has nothing to lose.
    worker = threading.Thread(target=receiver.run, args=(stop,), name=name, daemon=True)
    with _signals_set(stop):
        worker.start()
        while worker.is_alive() and not stop.wait(0.5):
            pass
        stop.set()
        worker.join(END_SECONDS)
    if not worker.is_alive():
        archive.close()


@contextlib.contextmanager
def _signals_set(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`, where this is the main thread; afterwards they do what they did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
