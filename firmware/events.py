"""The names of what this room logs."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """One name for each thing worth a log line."""

    WAITING_FOR_PAIRING = "waiting-for-pairing"
    WIPE_FINISHED = "wipe-finished"
    WIPE_ORDERED = "wipe-ordered"
    WIPE_CALLED_OFF = "wipe-called-off"
    WIPE_TOLD = "wipe-told"
    WIPE_NOT_TOLD = "wipe-not-told"
    COMMAND_BEGUN = "command-begun"
    COMMAND_ENDED = "command-ended"
    COMMAND_REFUSED = "command-refused"
    RESULT_REFUSED = "result-refused"
    UPKEEP_STUMBLED = "upkeep-stumbled"
    SITE_NOT_REACHED = "site-not-reached"
    MANIFEST_TAKEN = "manifest-taken"
    CERTIFICATES_RENEWED = "certificates-renewed"
    VAULT_MENDED = "vault-mended"
    LEDGER_FAILED = "ledger-failed"
    HEALTH_UNWRITTEN = "health-unwritten"
    UPDATE_TAKEN = "update-taken"
    UPDATE_FETCHED = "update-fetched"
    UPDATE_REFUSED = "update-refused"
    UPDATE_BEGUN = "update-begun"
    UPDATE_STARTS = "update-starts"
    UPDATE_CONFIRMED = "update-confirmed"
    UPDATE_ROLLED_BACK = "update-rolled-back"
    UPDATE_FAILED = "update-failed"
    CONFIRMED_NOT_STARTED = "confirmed-not-started"
    SLOT_NOT_MARKED = "slot-not-marked"
