"""The queue as a person reads it: each picture with its state in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from capture.vault import Entry, State
from provisioning.panel.languages import Language
from provisioning.panel.ports import UplinkView
from provisioning.panel.words import clock_time, size
from sync.errors import MessageRefused
from sync.protocol import decode_receipt

MOST_ROWS = 100

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


def rows(said: Language, entries: Iterable[Entry], uplink: UplinkView | None) -> tuple[Row, ...]:
    """The newest pictures first; parked ones before all, because they wait for a person."""
    ordered = sorted(entries, key=lambda entry: (entry.state is not State.PARKED, -entry.counter))
    return tuple(_row(said, entry, uplink) for entry in ordered[:MOST_ROWS])


def _row(said: Language, entry: Entry, uplink: UplinkView | None) -> Row:
    facts = size(said, entry.length)
    if entry.urgent:
        facts = said.say("queue.urgent", size=facts)
    state, detail, share = _state(said, entry, uplink)
    title = said.say(f"queue.{state}")
    return Row(entry.capture, entry.counter, facts, state, title, detail, share, parked=entry.state is State.PARKED)


def _state(said: Language, entry: Entry, uplink: UplinkView | None) -> tuple[str, str, float | None]:
    since = clock_time(said, entry.sealed_at_ms)
    if entry.state is State.PARKED:
        return "parked", said.say("queue.stays-safe", reason=_reason(said, entry.reason.replace("_", "-"))), None
    if entry.state in GOING:
        share = uplink.progress.get(entry.capture) if uplink and uplink.connected else None
        if share is not None:
            return "sending", said.say("queue.is-there", percent=f"{share * 100:.0f}"), share
        return "waiting", said.say("queue.safe-since", time=since), None
    return "received", said.say("queue.has-it-since", time=_received(said, entry) or since), None


def _reason(said: Language, slug: str) -> str:
    """Why the hospital refused it for good, as it named it; a reason that nobody knows is shown as it is."""
    if not slug:
        return said.say("parked.no-reason")
    key = f"parked.{slug}"
    return said.say(key) if said.has(key) else said.say("parked.other", reason=slug)


def _received(said: Language, entry: Entry) -> str:
    try:
        return clock_time(said, decode_receipt(entry.receipt).received_at_ms) if entry.receipt else ""
    except MessageRefused:
        return ""
