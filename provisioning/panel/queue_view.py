"""The queue as a person reads it: each picture with its state in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from capture.vault import Entry, State
from provisioning.panel.languages import Language
from provisioning.panel.ports import UplinkView
from provisioning.panel.words import clock_time, size
from provisioning.roster import Role
from sync.errors import MessageRefused
from sync.protocol import decode_receipt

MOST_ROWS = 100
ALL_OF_THE_DEVICE = frozenset({Role.WARD_LEAD.value})
"""The roles that see what others took with this device."""

GOING = frozenset({State.SEALED, State.OFFERED})


@dataclass(frozen=True, slots=True)
class Row:
    """One picture on the queue page.

    Attributes:
        capture: its id, for sending again.
        number: the device's counter, as a person calls the picture.
        facts: size, and who took it where that is somebody else.
        urgent: whether it goes before the others.
        state: waiting, sending, received, parked.
        title, detail: the state in words.
        share: 0..1 of what is sent, or None.
        parked: whether a person may send it again.
    """

    capture: str
    number: int
    facts: str
    urgent: bool
    state: str
    title: str
    detail: str
    share: float | None = None
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Visible:
    """What one person sees of the queue.

    Attributes:
        entries: those that are theirs to see.
        others: how many pictures of others wait beside them; a number names nobody.
    """

    entries: tuple[Entry, ...]
    others: int = 0


def may_see(badge: str, role: str, taker: str) -> bool:
    """Whether this person sees a picture that `taker` took: their own, and a ward lead the device's.

    A picture of which nobody knows who took it (`taker` empty) is the ward lead's.
    """
    return role in ALL_OF_THE_DEVICE or (bool(taker) and taker == badge)


def visible(entries: Iterable[Entry], badge: str, role: str, taker: Callable[[str], str]) -> Visible:
    """The part of the queue that this person sees; `taker` gives the badge behind a capture."""
    entries = tuple(entries)
    mine = tuple(entry for entry in entries if may_see(badge, role, taker(entry.capture)))
    return Visible(mine, waiting(entries) - waiting(mine))


def waiting(entries: Iterable[Entry]) -> int:
    """How many pictures the hospital does not have yet, parked ones too."""
    return sum(entry.state in GOING or entry.state is State.PARKED for entry in entries)


def rows(
    said: Language,
    entries: Iterable[Entry],
    uplink: UplinkView | None,
    *,
    hospital: str = "",
    by: Callable[[str], str] = lambda _capture: "",
) -> tuple[Row, ...]:
    """The newest pictures first; parked ones before all, because they wait for a person.

    Args:
        said: the language.
        entries: what this person sees of the queue.
        uplink: what the sync service last said.
        hospital: who signs the receipts, as people call it.
        by: the name to show of who took a capture; empty for none.
    """
    ordered = sorted(entries, key=lambda entry: (entry.state is not State.PARKED, -entry.counter))
    return tuple(_row(said, entry, uplink, hospital, by(entry.capture)) for entry in ordered[:MOST_ROWS])


def _row(said: Language, entry: Entry, uplink: UplinkView | None, hospital: str, by: str) -> Row:
    facts = size(said, entry.length)
    if by:
        facts = said.say("queue.by", size=facts, name=by)
    state, detail, share = _state(said, entry, uplink, hospital)
    return Row(
        capture=entry.capture,
        number=entry.counter,
        facts=facts,
        urgent=entry.urgent,
        state=state,
        title=said.say(f"queue.{state}"),
        detail=detail,
        share=share,
        parked=entry.state is State.PARKED,
    )


def _state(said: Language, entry: Entry, uplink: UplinkView | None, hospital: str) -> tuple[str, str, float | None]:
    since = clock_time(said, entry.sealed_at_ms)
    if entry.state is State.PARKED:
        return "parked", said.say("queue.stays-safe", reason=_reason(said, entry.reason.replace("_", "-"))), None
    if entry.state in GOING:
        share = uplink.progress.get(entry.capture) if uplink and uplink.connected else None
        if share is not None:
            return "sending", said.say("queue.is-there", percent=f"{share * 100:.0f}"), share
        return "waiting", said.say("queue.safe-since", time=since), None
    who = hospital or said.say("queue.the-hospital")
    return "received", said.say("queue.has-it-since", who=who, time=_received(said, entry) or since), None


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
