"""The names of what this room logs. Fields beside them are numbers, states and slugs; never anything of a patient."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """One name for each thing worth a log line."""

    CAMERA_STATE = "camera-state"
    CAMERA_GIVEN_UP = "camera-given-up"
    ENGINE_READY = "engine-ready"
    ENGINE_FAILED = "engine-failed"
    LIVE_FAILED = "live-failed"
    SERVICE_LISTENING = "service-listening"
    SERVICE_STOPPED = "service-stopped"
    STILL_TAKEN = "still-taken"
    STILL_REFUSED = "still-refused"
    STILL_DISCARDED = "still-discarded"
    CAPTURE_SEALED = "capture-sealed"
    LEDGER_FAILED = "ledger-failed"
    TPM_FAILED = "tpm-failed"
    REDACTION_FAILED = "redaction-failed"
    WORKER_CRASHED = "worker-crashed"
