"""What a device knows about one capture on its way, and how that may change: one literal table.

The diagram in docs/formats/sync.md is made from it, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Phase(StrEnum):
    """What is known of a capture that the vault still holds."""

    WAITING = "waiting"
    """Its turn has not come, or a wait is not over."""
    OFFERED = "offered"
    """Offered; no answer yet."""
    SENDING = "sending"
    """Known what is missing; chunks are on their way."""
    SENT = "sent"
    """The broker took every chunk; no receipt yet."""
    RECEIPTED = "receipted"
    """A verified receipt came: the envelope is free."""
    PARKED = "parked"
    """Refused for good: kept, shown, not offered again by itself."""


class Step(StrEnum):
    """What can happen to it."""

    TURN = "turn"
    MISSING = "missing"
    COMPLETE = "complete"
    DRAINED = "drained"
    RECEIPT = "receipt"
    LATER = "later"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    NOBODY = "nobody"
    LOST = "lost"


TRANSITIONS: Final[Mapping[Phase, Mapping[Step, Phase]]] = MappingProxyType(
    {
        Phase.WAITING: {
            Step.TURN: Phase.OFFERED,
            Step.MISSING: Phase.SENDING,
            Step.COMPLETE: Phase.SENT,
            Step.RECEIPT: Phase.RECEIPTED,
            Step.LATER: Phase.WAITING,
            Step.REFUSED: Phase.PARKED,
            Step.LOST: Phase.WAITING,
        },
        Phase.OFFERED: {
            Step.MISSING: Phase.SENDING,
            Step.COMPLETE: Phase.SENT,
            Step.RECEIPT: Phase.RECEIPTED,
            Step.LATER: Phase.WAITING,
            Step.REFUSED: Phase.PARKED,
            Step.TIMEOUT: Phase.WAITING,
            Step.NOBODY: Phase.WAITING,
            Step.LOST: Phase.WAITING,
        },
        Phase.SENDING: {
            Step.DRAINED: Phase.SENT,
            Step.RECEIPT: Phase.RECEIPTED,
            Step.LATER: Phase.WAITING,
            Step.REFUSED: Phase.PARKED,
            Step.TIMEOUT: Phase.WAITING,
            Step.NOBODY: Phase.WAITING,
            Step.LOST: Phase.WAITING,
        },
        Phase.SENT: {
            Step.RECEIPT: Phase.RECEIPTED,
            Step.LATER: Phase.WAITING,
            Step.REFUSED: Phase.PARKED,
            Step.TIMEOUT: Phase.WAITING,
            Step.NOBODY: Phase.WAITING,
            Step.LOST: Phase.WAITING,
        },
        Phase.RECEIPTED: {},
        Phase.PARKED: {},
    }
)


def advance(phase: Phase, step: Step) -> Phase | None:
    """The phase after this step, or None where the step means nothing in this phase and changes nothing."""
    return TRANSITIONS[phase].get(step)
