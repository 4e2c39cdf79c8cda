"""The names of what the panel logs. Fields beside them are numbers, states and slugs; never a badge or a patient."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """One name for each thing worth a log line."""

    LISTENING = "panel-listening"
    STOPPED = "panel-stopped"
    SIGNED_IN = "panel-signed-in"
    SIGN_IN_REFUSED = "panel-sign-in-refused"
    LOCKED = "panel-locked"
    DISCARD_FAILED = "panel-discard-failed"
    REQUEST_REFUSED = "panel-request-refused"
    LIVE_ENDED = "panel-live-ended"
    PAIRING_STARTED = "panel-pairing-started"
    PAIRING_CRASHED = "panel-pairing-crashed"
    PAIRING_ENDED = "panel-pairing-ended"
    IDENTITY_UNREADABLE = "panel-identity-unreadable"
    LEDGER_FAILED = "panel-ledger-failed"
    MEMORY_UNWRITABLE = "panel-memory-unwritable"
    WATCH_CRASHED = "panel-watch-crashed"
