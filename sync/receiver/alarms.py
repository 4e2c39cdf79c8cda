"""What the receiver raises so that somebody looks at a device, and what each alarm says to IT."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sync.protocol import RefusalReason
from sync.receiver.archive import Alarm, Arrival, Raised


class AlarmKind(StrEnum):
    """What somebody must look at.

    All but the last are what no honest and healthy device does; the first four of its ledger, as far as its heads tell.
    The last is about what was done with its pictures at the hospital.
    """

    FORGED = "forged"
    FORKED = "forked"
    REWOUND = "rewound"
    GAP = "gap"
    CONFLICT = "conflict"
    REVOKED = "revoked"
    LIMITS = "limits"
    NONSENSE = "nonsense"
    BREAK_GLASS = "break-glass"


LONGEST_SAID: Final = 500
"""Characters of who settled an alarm, and of why."""

LEDGER_KINDS: Final = frozenset({AlarmKind.FORGED, AlarmKind.FORKED, AlarmKind.REWOUND, AlarmKind.GAP})

_VERIFY: Final = "Keep the device as it is and have its ledger verified."
_SENTENCES: Final = {
    AlarmKind.FORGED: ("came with a head for line {line} that the device's key did not sign", _VERIFY),
    AlarmKind.FORKED: ("came with another line {line} than before: it was rewritten, or begun anew", _VERIFY),
    AlarmKind.REWOUND: (
        "went back to line {line}: its end was cut off, or it was begun anew or restored from a copy",
        _VERIFY,
    ),
    AlarmKind.GAP: ("was not shown with an offer any more: its head was removed, or cannot be read", _VERIFY),
    AlarmKind.CONFLICT: (
        "offered another picture under the number of a filed one ({capture})",
        "The first stays. Keep the device as it is: its card was copied, or somebody has its keys.",
    ),
    AlarmKind.REVOKED: (
        "goes on sending although it is revoked",
        "Nothing of it is filed. Find the device, and see that the broker refuses it.",
    ),
    AlarmKind.LIMITS: (
        "has sent as much as one device may, and has to wait",
        "See what it photographs; the limits are settings of the receiver.",
    ),
    AlarmKind.NONSENSE: (
        "sent so much that means nothing that it is not answered for a while",
        "Take it out of use: it is broken, or somebody has its keys.",
    ),
    AlarmKind.BREAK_GLASS: (
        "has pictures that were opened with the break-glass key, the first of them {capture}",
        "Find out who took the key and why, then put a new one in force: `wardlens site break-glass`.",
    ),
}


_BY_REFUSAL: Final = {
    RefusalReason.CAPTURE_CONFLICT: AlarmKind.CONFLICT,
    RefusalReason.REVOKED_DEVICE: AlarmKind.REVOKED,
}


def raised_by(arrival: Arrival, reason: str) -> Raised | None:
    """What a refusal for this reason raises, if it is one that somebody must look at."""
    kind = _BY_REFUSAL.get(RefusalReason(reason))
    return None if kind is None else Raised(arrival.device, kind, hash=arrival.digest, capture=arrival.capture)


def sentence(alarm: Alarm) -> str:
    """What an alarm says to IT: what, how often, and what to do."""
    what, do = _SENTENCES[AlarmKind(alarm.kind)]
    who = f"The chain {alarm.chain} of {alarm.device}" if alarm.chain else f"The device {alarm.device}"
    times = "once" if alarm.times == 1 else f"{alarm.times} times"
    said = what.format(line=alarm.sequence, capture=alarm.capture)
    return f"{who} {said} ({times} since {day(alarm.first_at_ms)}). {do}"


def fits_on_record(said: str) -> bool:
    """Whether this may stand as who settled an alarm, or why: one line of 1 to 500 characters."""
    return 0 < len(said) <= LONGEST_SAID and said.isprintable()


def day(at_ms: int) -> str:
    """A moment as people read it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
