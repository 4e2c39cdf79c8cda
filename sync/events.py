"""The names of this room's log events. Fields are keywords of plain types; none ever names a patient."""

from __future__ import annotations

from enum import StrEnum


class SyncEvent(StrEnum):
    """What the uplink, the MQTT shell, the brokers and the receiver log."""

    BROKER_CONNECTED = "broker_connected"
    BROKER_LOST = "broker_lost"
    BROKER_UNREACHABLE = "broker_unreachable"
    BROKER_STARTED = "broker_started"
    BROKER_STOPPED = "broker_stopped"
    MESSAGE_REFUSED = "message_refused"
    MESSAGE_IGNORED = "message_ignored"
    ARCHIVE_AWAY = "archive_away"
    ARCHIVE_BACK = "archive_back"
    CAPTURE_FILED = "capture_filed"
    CAPTURE_OFFERED = "capture_offered"
    CAPTURE_QUARANTINED = "capture_quarantined"
    CAPTURE_RECEIPTED = "capture_receipted"
    CAPTURE_ERASED = "capture_erased"
    CAPTURE_PARKED = "capture_parked"
    CAPTURE_DELAYED = "capture_delayed"
    CAPTURE_UNREADABLE = "capture_unreadable"
    RECEIVERS_CHANGED = "receivers_changed"
    ENVELOPE_REFUSED = "envelope_refused"
    LEDGER_CONTRADICTED = "ledger_contradicted"
    LEDGER_UNREADABLE = "ledger_unreadable"
    RECEIVER_STARTED = "receiver_started"
    RECEIVER_STOPPED = "receiver_stopped"
    RECEIVER_RESTARTED = "receiver_restarted"
    UPLINK_STARTED = "uplink_started"
    UPLINK_STOPPED = "uplink_stopped"
    UPLINK_RESTARTED = "uplink_restarted"
    VAULT_UNREADABLE = "vault_unreadable"
