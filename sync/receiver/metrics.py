"""How the hospital's side stands, as Prometheus text exposition (format 0.0.4). No label names a device or a person.

Whoever scrapes need not know which devices there are, and thousands of them would be as many series: the fleet is sums,
extremes and counts, and the page of devices says which device it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import isnan
from typing import Final

from sync.receiver.alarms import AlarmKind
from sync.receiver.archive import Figures
from sync.receiver.fleet import WINDOW_DAYS, Concern, FleetDevice, Presence
from sync.receiver.standing import ReceiverStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
NOTHING: Final = float("nan")
"""An extreme of nothing: no comparison with it is true, so it alarms nobody."""

_Gauges = Iterator[tuple[str, str, float]]


def exposition(now: ReceiverStatus, devices: Sequence[FleetDevice] = (), first_end: datetime | None = None) -> str:
    """Every gauge with its help, one line each.

    Args:
        now: how the receivers and the archive stand.
        devices: the fleet; those that the site does not trust any more count nowhere.
        first_end: when the first of the site's own certificates ends, where that is known.
    """
    lines: list[str] = []
    active = [device for device in devices if device.active]
    for name, meaning, value in (*_receiver(now), *_site(now.at_ms, first_end), *_fleet(now.at_ms, active)):
        lines += [*_head(name, meaning), f"wardlens_{name} {'NaN' if isnan(value) else value}"]
    found = Counter(alarm.kind for alarm in now.alarms)
    lines += _by("receiver_alarms_open", "Alarms that nobody has settled, by kind.", "kind", AlarmKind, found)
    concerned = Counter(concern.value for device in active for concern in device.concerns)
    lines += _by("fleet_concerns", "Devices that need attention, by why.", "concern", Concern, concerned)
    return "\n".join(lines) + "\n"


def _receiver(now: ReceiverStatus) -> _Gauges:
    counts = now.counts
    yield "receiver_receivers_alive", "Receivers that were heard of in the last 35 s.", len(now.alive)
    yield "receiver_captures", "Captures in the archive.", counts.captures
    yield "receiver_captures_bytes", "Bytes of their envelopes.", counts.bytes
    yield "receiver_captures_sealed", "Captures that are filed sealed and wait to be opened.", counts.sealed
    yield (
        "receiver_captures_not_openable",
        "Captures that could not be opened and are kept sealed.",
        counts.not_openable,
    )
    yield "receiver_devices", "Devices that a capture came from.", counts.devices
    yield "receiver_uploads_open", "Captures begun and not complete.", counts.open_uploads
    yield "receiver_uploads_open_bytes", "Bytes that these announce.", counts.open_bytes
    yield "receiver_quarantined", "Captures refused for good.", counts.quarantined
    yield "receiver_receipts_unsent", "Receipts that the broker has not taken yet.", counts.unsent
    last = (now.last_received_at_ms or 0) / 1e3
    yield "receiver_last_received_seconds", "When the newest capture was filed, Unix time.", last


def _site(at_ms: int, first_end: datetime | None) -> _Gauges:
    yield (
        "site_least_certificate_seconds",
        "Until the first certificate of broker, enrolment server, receivers or issuing CA ends; NaN if not known.",
        NOTHING if first_end is None else first_end.timestamp() - at_ms / 1e3,
    )


def _fleet(at_ms: int, active: Sequence[FleetDevice]) -> _Gauges:
    said = [device.facts for device in active if device.facts is not None]
    sums = sum((device.figures for device in active), Figures())
    yield "fleet_devices", "Devices that the site trusts.", len(active)
    yield "fleet_online", "Of these, those that are there now.", sum(d.presence is Presence.ONLINE for d in active)
    yield "fleet_versions", "Different versions of the software on them.", len({facts.version for facts in said})
    yield "fleet_queued", "Pictures that wait on devices.", sum(facts.queued for facts in said)
    yield "fleet_parked", "Pictures that devices hold because they were refused for good.", sum(f.parked for f in said)
    yield (
        "fleet_oldest_waiting_seconds",
        "For how long the oldest of these has waited; 0 where none does.",
        max((device.oldest_seconds or 0 for device in active), default=0),
    )
    yield (
        "fleet_oldest_state_seconds",
        "Since the longest silent device last said how it is; NaN where none ever did.",
        _most((at_ms - device.heard_at_ms) / 1e3 for device in active if device.heard_at_ms is not None),
    )
    yield (
        "fleet_least_certificate_seconds",
        "Until the first certificate of a device ends, in whole days; NaN where none is known.",
        -_most(-device.certificate_days * 86_400 for device in active if device.certificate_days is not None),
    )
    yield (
        "fleet_least_free_bytes",
        "Room on the fullest device; NaN where none is known.",
        -_most(-facts.free_bytes for facts in said),
    )
    yield (
        "fleet_warmest_celsius",
        "Of the warmest device; NaN where none knows.",
        _most(facts.celsius for facts in said if facts.celsius is not None),
    )
    days = f"of the last {WINDOW_DAYS} days"
    yield "fleet_pictures", f"Opened pictures {days}.", sums.pictures
    yield "fleet_pictures_unsure", f"Those {days} in which a detector could not tell.", sums.unsure
    yield "fleet_pictures_uncovered", f"Those {days} in which a person uncovered something.", sums.uncovered
    yield "fleet_pictures_added", f"Those {days} in which a person covered what nothing had found.", sums.added
    yield "fleet_regions", f"Regions covered in the pictures {days}.", sums.regions


def _most(values: Iterable[float]) -> float:
    return max(values, default=NOTHING)


def _head(name: str, meaning: str) -> tuple[str, str]:
    return f"# HELP wardlens_{name} {meaning}", f"# TYPE wardlens_{name} gauge"


def _by(name: str, meaning: str, label: str, kinds: Iterable[str], found: Counter[str]) -> Iterator[str]:
    """One line for each kind there is, so that none is missing where nothing is found."""
    yield from _head(name, meaning)
    yield from (f'wardlens_{name}{{{label}="{kind!s}"}} {found[str(kind)]}' for kind in kinds)
