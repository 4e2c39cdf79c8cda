"""What a site knows of a device, and which step may follow which. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from capture.identifiers import DeviceId
from provisioning.errors import DeviceStateForbids


class DeviceState(Enum):
    """How far a site trusts a device."""

    WAITING = "waiting"
    ACTIVE = "active"
    REFUSED = "refused"
    REVOKED = "revoked"


class DeviceEvent(Enum):
    """What IT decides about a device."""

    APPROVED = "approved"
    REFUSED = "refused"
    REVOKED = "revoked"


TRANSITIONS: dict[DeviceState, dict[DeviceEvent, DeviceState]] = {
    DeviceState.WAITING: {
        DeviceEvent.APPROVED: DeviceState.ACTIVE,
        DeviceEvent.REFUSED: DeviceState.REFUSED,
        DeviceEvent.REVOKED: DeviceState.REVOKED,
    },
    DeviceState.ACTIVE: {DeviceEvent.REVOKED: DeviceState.REVOKED},
    DeviceState.REFUSED: {DeviceEvent.REVOKED: DeviceState.REVOKED},
    DeviceState.REVOKED: {},
}


def apply(state: DeviceState, event: DeviceEvent) -> DeviceState:
    """The state after `event`.

    Raises:
        DeviceStateForbids: the table has no such step.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError as error:
        raise DeviceStateForbids(f"A device that is {state.value} cannot be {event.value}.") from error


@dataclass(frozen=True, slots=True)
class Device:
    """One line of the site's list of devices. `digits` are what both screens show; times are seconds since 1970."""

    id: DeviceId
    name: str
    state: DeviceState
    digits: str
    enrolled_at: int
    changed_at: int
    certificate_until: int
