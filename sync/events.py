"""The names of this room's log events. Fields are keywords of plain types; none ever names a patient."""

from __future__ import annotations

from enum import StrEnum


class SyncEvent(StrEnum):
    """What the uplink, the MQTT shell, the brokers and the receiver log."""

    BROKER_CONNECTED = "broker-connected"
    BROKER_LOST = "broker-lost"
    BROKER_UNREACHABLE = "broker-unreachable"
    BROKER_STARTED = "broker-started"
    BROKER_STOPPED = "broker-stopped"
    DEVICE_TURNED_AWAY = "device-turned-away"
    MESSAGE_REFUSED = "message-refused"
    MESSAGE_IGNORED = "message-ignored"
    ARCHIVE_AWAY = "archive-away"
    ARCHIVE_BACK = "archive-back"
    CAPTURE_FILED = "capture-filed"
    CAPTURE_OPENED = "capture-opened"
    CAPTURE_NOT_OPENABLE = "capture-not-openable"
    CAPTURE_OFFERED = "capture-offered"
    CAPTURE_QUARANTINED = "capture-quarantined"
    CAPTURE_RECEIPTED = "capture-receipted"
    CAPTURE_ERASED = "capture-erased"
    CAPTURE_PARKED = "capture-parked"
    CAPTURE_DELAYED = "capture-delayed"
    CAPTURE_UNREADABLE = "capture-unreadable"
    RECEIVERS_CHANGED = "receivers-changed"
    ENVELOPE_REFUSED = "envelope-refused"
    LEDGER_CONTRADICTED = "ledger-contradicted"
    LEDGER_UNREADABLE = "ledger-unreadable"
    LEDGER_UNWRITTEN = "ledger-unwritten"
    DEVICE_UNHEARD = "device-unheard"
    FILING_FAILED = "filing-failed"
    RECEIVER_STARTED = "receiver-started"
    RECEIVER_STOPPED = "receiver-stopped"
    RECEIVER_RESTARTED = "receiver-restarted"
    UPLINK_STARTED = "uplink-started"
    UPLINK_STOPPED = "uplink-stopped"
    UPLINK_RESTARTED = "uplink-restarted"
    VAULT_UNREADABLE = "vault-unreadable"
