"""What can become of an envelope: one table, and one function that applies it.

The diagram in docs/formats/vault.md is made from this table by :func:`mermaid`, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from capture.errors import TransitionRefused


class State(StrEnum):
    """What is known of an envelope."""

    SEALED = "sealed"
    """On the disk, durable; nobody has been told."""
    OFFERED = "offered"
    """The hospital was told of it."""
    RECEIPTED = "receipted"
    """The hospital has it and says so under its signature."""
    ERASED = "erased"
    """Gone from the device; its receipt is kept."""
    PARKED = "parked"
    """The hospital refused it for good, or its file is gone. It stays until a person has looked."""


class Step(StrEnum):
    """What happens to an envelope."""

    OFFER = "offer"
    RECEIPT = "receipt"
    ERASE = "erase"
    PARK = "park"
    RETRY = "retry"


TRANSITIONS: Final[Mapping[State, Mapping[Step, State]]] = MappingProxyType(
    {
        State.SEALED: {
            Step.OFFER: State.OFFERED,
            # A queue rebuilt from the files forgot its offers; the receipt is proof all the same.
            Step.RECEIPT: State.RECEIPTED,
            Step.PARK: State.PARKED,
        },
        State.OFFERED: {
            Step.OFFER: State.OFFERED,
            Step.RECEIPT: State.RECEIPTED,
            Step.PARK: State.PARKED,
        },
        State.RECEIPTED: {
            # Brokers deliver twice.
            Step.RECEIPT: State.RECEIPTED,
            Step.ERASE: State.ERASED,
        },
        State.PARKED: {
            Step.RETRY: State.SEALED,
            # The hospital may think better of a refusal.
            Step.RECEIPT: State.RECEIPTED,
            Step.PARK: State.PARKED,
        },
        State.ERASED: {
            Step.RECEIPT: State.ERASED,
            Step.ERASE: State.ERASED,
        },
    }
)

START: Final = State.SEALED
WAITING: Final = frozenset({State.SEALED, State.OFFERED})
"""The states whose envelopes still have to reach the hospital by themselves."""
HELD: Final = frozenset({State.SEALED, State.OFFERED, State.RECEIPTED, State.PARKED})
"""The states whose envelopes are on the disk."""


def after(state: State, step: Step) -> State:
    """The state that follows `state` when `step` happens.

    Raises:
        TransitionRefused: the table has no such way.
    """
    following = TRANSITIONS[state].get(step)
    if following is None:
        raise TransitionRefused(f"An envelope that is {state.value} cannot take the step {step.value}.")
    return following


def mermaid() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {START.value}"]
    lines += [
        f"    {state.value} --> {following.value}: {step.value}"
        for state, ways in TRANSITIONS.items()
        for step, following in ways.items()
    ]
    return "\n".join([*lines, f"    {State.ERASED.value} --> [*]"])
