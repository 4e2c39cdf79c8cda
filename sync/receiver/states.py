"""What devices say of themselves, from the broker into the archive. Every receiver hears every state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from capture.identifiers import DeviceId
from sync.errors import MessageRefused
from sync.events import SyncEvent
from sync.mqtt import Message
from sync.protocol import decode_state, topics
from sync.receiver.alarms import AlarmKind
from sync.receiver.archive import Archive, KeptState, Raised
from sync.receiver.patience import Patience
from sync.receiver.trust import DeviceTrust
from sync.receiver.turn import Tally

log: Final = structlog.get_logger("wardlens.receiver")


class StateKeeper:
    """Keeps what the site's own devices say of themselves.

    Args:
        archive: where it goes; shared with the other receivers.
        trust: which devices are the site's own; what another says is passed over.
        patience: how much nonsense of one device is listened to, of its states and its captures together.
        tally: what this receiver counts.
    """

    def __init__(self, archive: Archive, trust: DeviceTrust, patience: Patience, tally: Tally) -> None:
        self._archive = archive
        self._trust = trust
        self._patience = patience
        self._tally = tally

    def hear(self, messages: Sequence[Message]) -> None:
        """All of these are kept, or were refused and counted; then they may be acknowledged.

        Raises:
            ArchiveUnavailable: none was kept.
        """
        now = self._archive.clock()
        kept = [(state, message.retained) for message in messages if (state := self._state(message, now)) is not None]
        if kept:
            self._archive.keep_states(kept)

    def _state(self, message: Message, now: int) -> KeptState | None:
        device = None
        try:
            device = topics.parse_state(message.topic)
            if not self._patience.has(device):
                self._tally.unheard += 1
                return None
            state = decode_state(message.payload)
        except MessageRefused as error:
            self._tally.malformed += 1
            log.warning(SyncEvent.MESSAGE_REFUSED, flaw=error.flaw.value, bytes=len(message.payload))
            if device is not None:
                self._spend(device)
            return None
        if self._trust.status(device) != "active":
            self._tally.ignored += 1
            log.info(SyncEvent.MESSAGE_IGNORED, device=device, reason="not-active")
            return None
        heard, birth = (now, message.payload) if state.online else (0, b"")
        return KeptState(device, state.session, state.online, now, heard, birth)

    def _spend(self, device: DeviceId) -> None:
        """A message of this device was for nothing; said once when that was too many."""
        if self._patience.spend(device):
            log.error(SyncEvent.DEVICE_UNHEARD, device=device, alarm=True)
            self._archive.alarm(Raised(device, AlarmKind.NONSENSE))
