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
    WIPED = "wiped"


class DeviceEvent(Enum):
    """What IT decides about a device, or the device has proven."""

    APPROVED = "approved"
    REFUSED = "refused"
    REVOKED = "revoked"
    WIPED = "wiped"


TRANSITIONS: dict[DeviceState, dict[DeviceEvent, DeviceState]] = {
    DeviceState.WAITING: {
        DeviceEvent.APPROVED: DeviceState.ACTIVE,
        DeviceEvent.REFUSED: DeviceState.REFUSED,
        DeviceEvent.REVOKED: DeviceState.REVOKED,
    },
    DeviceState.ACTIVE: {
        DeviceEvent.REVOKED: DeviceState.REVOKED,
        DeviceEvent.WIPED: DeviceState.WIPED,
    },
    DeviceState.REFUSED: {DeviceEvent.REVOKED: DeviceState.REVOKED},
    DeviceState.REVOKED: {DeviceEvent.WIPED: DeviceState.WIPED},
    DeviceState.WIPED: {},
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
    """One line of the site's list of devices. `digits` are what both screens show; times are seconds since 1970.

    `readmitted_at` is 0 where IT never readmitted it.
    """

    id: DeviceId
    name: str
    state: DeviceState
    digits: str
    enrolled_at: int
    changed_at: int
    certificate_until: int
    readmitted_at: int = 0

    def back_until(self, days: int) -> int:
        """Until when it may come back by itself: `days` after its certificate, or IT's readmission."""
        return max(self.certificate_until, self.readmitted_at) + days * 86_400
