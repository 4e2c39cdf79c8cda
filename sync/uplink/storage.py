"""What the machine's effects mean to the vault and the ledger. The vault first: the ledger says what is true."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

import structlog

from capture.identifiers import CaptureId
from capture.ledger import Ledger, LedgerError, LedgerEvent
from capture.vault import WAITING, NotInVault, State, TransitionRefused, Vault, VaultDamaged
from sync.events import SyncEvent
from sync.protocol.effects import Erase, Keep, MarkOffered, MarkReceipted, Park, Work

_SAYS: Final[Mapping[State, tuple[LedgerEvent, ...]]] = {
    State.OFFERED: (LedgerEvent.ENVELOPE_OFFERED,),
    State.PARKED: (LedgerEvent.ENVELOPE_PARKED,),
    State.RECEIPTED: (LedgerEvent.ENVELOPE_RECEIPTED,),
    State.ERASED: (LedgerEvent.ENVELOPE_RECEIPTED, LedgerEvent.ENVELOPE_ERASED),
}
"""What the ledger has said last of an envelope that the vault has in this state."""

_log = structlog.get_logger()


class Storage:
    """The vault and the ledger, as the uplink uses them. Every method may raise what they raise.

    A step that the ledger could not say is owed to it, and said before the next one is taken.
    """

    def __init__(self, vault: Vault, ledger: Ledger) -> None:
        self._vault = vault
        self._ledger = ledger
        self._owed: deque[tuple[LedgerEvent, Mapping[str, str]]] = deque()
        self._caught_up = False

    def works(self, most: int) -> list[Work]:
        """The first `most` of what waits to be sent, by rank."""
        return [
            Work(e.capture, e.digest, e.length, e.counter, urgent=e.urgent, offered=e.state is State.OFFERED)
            for e in self._vault.pending(most)
        ]

    def counts(self) -> tuple[int, int, int]:
        """How many wait, how many are parked, and how many bytes are free."""
        tally = self._vault.tally()
        return sum(tally[state] for state in WAITING), tally[State.PARKED], self._vault.free_bytes()

    def oldest_seconds(self) -> int | None:
        """For how long the oldest of what waits has; None where nothing waits."""
        oldest = self._vault.oldest_waiting_ms()
        return None if oldest is None else oldest // 1000

    def chunk(self, capture: CaptureId, offset: int, size: int) -> bytes:
        """One piece of an envelope.

        Raises:
            VaultDamaged: its file is gone or too short.
        """
        data = self._vault.piece(capture, offset, size)
        if len(data) != size:
            raise VaultDamaged
        return data

    def begin(self) -> None:
        """Says and ends what was cut short, by the power or by a disk that failed: lines first, then erasures."""
        if not self._caught_up:
            self._catch_up()
            self._caught_up = True
        self._settle()
        for entry in self._vault.of(State.RECEIPTED):
            self._erase(entry.capture)

    def stopped(self) -> None:
        """The service ended in order; a ledger that cannot say so does not keep it from ending."""
        try:
            self._tell(LedgerEvent.SERVICE_STOPPED)
        except LedgerError as error:
            _log.error(SyncEvent.LEDGER_UNWRITTEN, kind=type(error).__name__)

    def close(self) -> None:
        """Both are closed. Nothing is lost without it."""
        self._vault.close()
        self._ledger.close()

    def apply(self, effect: Keep) -> None:
        """Do it, unless somebody was faster: then what they did stands."""
        self._settle()
        try:
            self._apply(effect)
        except (NotInVault, TransitionRefused) as refused:
            _log.warning(SyncEvent.CAPTURE_DELAYED, capture=effect.capture, why=type(refused).__name__)

    def _apply(self, effect: Keep) -> None:
        capture = effect.capture
        match effect:
            case MarkOffered():
                digest = self._vault.offered(capture).digest
                self._tell(LedgerEvent.ENVELOPE_OFFERED, capture=capture, digest=digest)
                _log.info(SyncEvent.CAPTURE_OFFERED, capture=capture)
            case MarkReceipted(_, digest, receipt):
                self._vault.receipted(capture, digest, receipt)
                self._tell(LedgerEvent.ENVELOPE_RECEIPTED, capture=capture, digest=digest)
                _log.info(SyncEvent.CAPTURE_RECEIPTED, capture=capture)
            case Erase():
                self._erase(capture)
            case Park(_, reason):
                self._vault.park(capture, reason)
                self._tell(LedgerEvent.ENVELOPE_PARKED, capture=capture, reason=reason)
                _log.warning(SyncEvent.CAPTURE_PARKED, capture=capture, reason=reason)

    def _erase(self, capture: CaptureId) -> None:
        digest = self._vault.erase(capture).digest
        self._tell(LedgerEvent.ENVELOPE_ERASED, capture=capture, digest=digest)
        _log.info(SyncEvent.CAPTURE_ERASED, capture=capture)

    def _tell(self, event: LedgerEvent, **facts: str) -> None:
        self._owed.append((event, facts))
        self._settle()

    def _settle(self) -> None:
        while self._owed:
            event, facts = self._owed.popleft()
            try:
                self._ledger.append(event, **facts)
            except LedgerError:
                self._owed.appendleft((event, facts))
                raise

    def _catch_up(self) -> None:
        """What the vault knows and the ledger has not said, of an earlier run, is owed."""
        said = self._ledger.newest_of_captures()
        begun_anew = self._ledger.last(LedgerEvent.LEDGER_BEGUN_ANEW) is not None
        self._owed.clear()
        for entry in self._vault.entries():
            newest = said.get(entry.capture)
            if newest is None and begun_anew:
                continue  # what was said of it is in the old file
            events = _SAYS.get(entry.state, ())
            for event in events[events.index(newest) + 1 :] if newest in events else events:
                more = {"reason": entry.reason} if entry.state is State.PARKED else {"digest": entry.digest}
                self._owed.append((event, {"capture": entry.capture, **more}))
