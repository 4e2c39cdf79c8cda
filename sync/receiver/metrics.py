"""How the hospital's side stands, as Prometheus text exposition (format 0.0.4). No label names a device or a person."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sync.receiver.alarms import AlarmKind
from sync.receiver.standing import ReceiverStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposition(now: ReceiverStatus) -> str:
    """Every gauge with its help, one line each."""
    counts = now.counts
    gauges = {
        "receivers_alive": ("Receivers that were heard of in the last 35 s.", len(now.alive)),
        "captures": ("Captures in the archive.", counts.captures),
        "captures_bytes": ("Bytes of their envelopes.", counts.bytes),
        "captures_sealed": ("Captures that are filed sealed and wait to be opened.", counts.sealed),
        "captures_not_openable": ("Captures that could not be opened and are kept sealed.", counts.not_openable),
        "devices": ("Devices that a capture came from.", counts.devices),
        "uploads_open": ("Captures begun and not complete.", counts.open_uploads),
        "uploads_open_bytes": ("Bytes that these announce.", counts.open_bytes),
        "quarantined": ("Captures refused for good.", counts.quarantined),
        "receipts_unsent": ("Receipts that the broker has not taken yet.", counts.unsent),
        "last_received_seconds": (
            "When the newest capture was filed, Unix time.",
            (now.last_received_at_ms or 0) / 1e3,
        ),
    }
    lines: list[str] = []
    for name, (meaning, value) in gauges.items():
        full = f"wardlens_receiver_{name}"
        lines += [f"# HELP {full} {meaning}", f"# TYPE {full} gauge", f"{full} {value}"]
    full, found = "wardlens_receiver_alarms_open", Counter(alarm.kind for alarm in now.alarms)
    lines += [f"# HELP {full} Alarms that nobody has settled, by kind.", f"# TYPE {full} gauge"]
    lines += [f'{full}{{kind="{kind.value}"}} {found[kind.value]}' for kind in AlarmKind]
    return "\n".join(lines) + "\n"
