"""The names of what this room logs."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """One name for each thing worth a log line."""

    WAITING_FOR_PAIRING = "waiting-for-pairing"
    WIPE_FINISHED = "wipe-finished"
    VAULT_MENDED = "vault-mended"
    LEDGER_FAILED = "ledger-failed"
    HEALTH_UNWRITTEN = "health-unwritten"
