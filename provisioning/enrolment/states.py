"""Pairing as seen by the device: what is known, and which step may follow. Pure; docs/formats/enrolment.md draws it."""

from __future__ import annotations

from enum import Enum


class PairingState(Enum):
    """Named for what the device knows."""

    UNPAIRED = "unpaired"
    INVITED = "invited"
    ROOT_KNOWN = "root-known"
    SERVER_KNOWN = "server-known"
    ENROLLED = "enrolled"
    APPROVED = "approved"
    PAIRED = "paired"


class PairingEvent(Enum):
    """What happened last."""

    INVITATION_READ = "invitation-read"
    ROOT_MATCHED = "root-matched"
    SERVER_PROVEN = "server-proven"
    CERTIFICATES_ISSUED = "certificates-issued"
    MANIFEST_VERIFIED = "manifest-verified"
    STATE_WRITTEN = "state-written"
    GAVE_UP = "gave-up"


_S, _E = PairingState, PairingEvent
TRANSITIONS: dict[PairingState, dict[PairingEvent, PairingState]] = {
    _S.UNPAIRED: {_E.INVITATION_READ: _S.INVITED},
    _S.INVITED: {_E.ROOT_MATCHED: _S.ROOT_KNOWN, _E.GAVE_UP: _S.UNPAIRED},
    _S.ROOT_KNOWN: {_E.SERVER_PROVEN: _S.SERVER_KNOWN, _E.GAVE_UP: _S.UNPAIRED},
    _S.SERVER_KNOWN: {_E.CERTIFICATES_ISSUED: _S.ENROLLED, _E.GAVE_UP: _S.UNPAIRED},
    _S.ENROLLED: {_E.MANIFEST_VERIFIED: _S.APPROVED, _E.GAVE_UP: _S.UNPAIRED},
    _S.APPROVED: {_E.STATE_WRITTEN: _S.PAIRED, _E.GAVE_UP: _S.UNPAIRED},
    _S.PAIRED: {},
}


def apply(state: PairingState, event: PairingEvent) -> PairingState:
    """The state after `event`.

    Raises:
        ValueError: the table has no such step; a mistake of ours.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError as error:
        raise ValueError(f"a device that is {state.value} has no step {event.value}") from error
