"""The queue as a person reads it: each picture with its state in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from capture.vault import Entry, State
from provisioning.panel.ports import UplinkView
from provisioning.panel.words import clock_time, megabytes
from sync.errors import MessageRefused
from sync.protocol import decode_receipt

MOST_ROWS = 100
REASONS = {
    "digest-mismatch": "It did not arrive as it was sent.",
    "malformed": "The hospital could not read it.",
    "bad-signature": "The hospital could not verify that it is from this device.",
    "unknown-device": "The hospital does not know this device.",
    "revoked-device": "The hospital has taken this device out of service.",
    "wrong-site": "It was made for another hospital.",
    "not-openable": "The hospital has no key for it.",
    "capture-conflict": "The hospital has another picture under this name.",
    "too-large": "It is larger than the hospital takes.",
}
"""Why a picture is parked, as the hospital named it → for people. Any other reason is shown as it is."""

GOING = frozenset({State.SEALED, State.OFFERED})


@dataclass(frozen=True, slots=True)
class Row:
    """One picture on the queue page.

    Attributes:
        capture: its id, for sending again.
        number: the device's counter, as a person calls the picture.
        facts: size, and whether it is urgent.
        state: waiting, sending, received, parked.
        title, detail: the state in words.
        share: 0..1 of what is sent, or None.
        parked: whether a person may send it again.
    """

    capture: str
    number: int
    facts: str
    state: str
    title: str
    detail: str
    share: float | None = None
    parked: bool = False


def waiting(entries: Iterable[Entry]) -> int:
    """How many pictures the hospital does not have yet, parked ones too."""
    return sum(entry.state in GOING or entry.state is State.PARKED for entry in entries)


def rows(entries: Iterable[Entry], uplink: UplinkView | None) -> tuple[Row, ...]:
    """The newest pictures first; parked ones before all, because they wait for a person."""
    ordered = sorted(entries, key=lambda entry: (entry.state is not State.PARKED, -entry.counter))
    return tuple(_row(entry, uplink) for entry in ordered[:MOST_ROWS])


def _row(entry: Entry, uplink: UplinkView | None) -> Row:
    facts = f"{megabytes(entry.length)}{' · urgent' if entry.urgent else ''}"
    state, title, detail, share = _state(entry, uplink)
    return Row(entry.capture, entry.counter, facts, state, title, detail, share, parked=entry.state is State.PARKED)


def _state(entry: Entry, uplink: UplinkView | None) -> tuple[str, str, str, float | None]:
    since = clock_time(entry.sealed_at_ms)
    if entry.state is State.PARKED:
        slug = entry.reason.replace("_", "-")
        reason = REASONS.get(slug, f"It cannot be sent ({slug or 'no reason given'}).")
        return "parked", "Parked", f"{reason} It stays safe here. Tell IT.", None
    if entry.state in GOING:
        share = uplink.progress.get(entry.capture) if uplink and uplink.connected else None
        if share is not None:
            return "sending", "Sending", f"{share:.0%} is there", share
        return "waiting", "Waiting", f"Safe on this device since {since}", None
    return "received", "Received", f"The hospital has it since {_received(entry) or since}", None


def _received(entry: Entry) -> str:
    try:
        return clock_time(decode_receipt(entry.receipt).received_at_ms) if entry.receipt else ""
    except MessageRefused:
        return ""
