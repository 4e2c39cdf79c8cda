"""The fleet as IT looks at it: each device of the site with its last word, how old that is, and what needs attention.

Read from the archive and the site's list of devices, so that it needs no running receiver. Nothing of it is about a
patient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from capture.identifiers import DeviceId
from sync.errors import MessageRefused
from sync.protocol import DeviceFacts, decode_state
from sync.receiver.archive import SILENT_MS, Archive, Figures, KeptState
from sync.receiver.drift import Compared, compared

WINDOW_DAYS: Final = 28
"""Of pictures that a device is compared by."""
DAY_MS: Final = 24 * 3600 * 1000
AWAY_MS: Final = DAY_MS
"""A cart that is switched off over night needs nobody."""
WAITING_SECONDS: Final = 3600
CERTIFICATE_DAYS: Final = 7
"""Certificates last 30 days and are renewed when 10 are left, so here that has failed for three."""
LEAST_FREE_BYTES: Final = 10**9
HOT_CELSIUS: Final = 80
"""From here on a Raspberry Pi slows itself down (its documentation, "Frequency management and thermal control")."""


PASSED: Final = "passed"
"""What a device says of a part of its test of itself that passed; everything else is a failure."""


class Presence(StrEnum):
    """Whether a device is there."""

    ONLINE = "online"
    AWAY = "away"
    SILENT = "silent"
    NEVER = "never"


class Concern(StrEnum):
    """Why a device needs attention, the most urgent first."""

    SELF_TEST_FAILED = "self-test-failed"
    MODELS_ALTERED = "models-altered"
    CERTIFICATE_ENDED = "certificate-ended"
    SPACE_LOW = "space-low"
    PARKED = "parked"
    WAITING = "waiting"
    CERTIFICATE_ENDS = "certificate-ends"
    HOT = "hot"
    DRIFT = "drift"
    AWAY = "away"
    NEVER = "never"
    NO_SELF_TEST = "no-self-test"


class ModelVerdict(StrEnum):
    """What a model's digest is to this release."""

    KNOWN = "known"
    ALTERED = "altered"
    OTHER_RELEASE = "other-release"
    NOT_COMPARED = "not-compared"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device on the site's list.

    Attributes:
        name: what people call it, such as its ward.
        status: `active`, or what became of it.
    """

    device: str
    name: str
    status: str = "active"


@dataclass(frozen=True, slots=True)
class Release:
    """What this hospital's own Wardlens is, to compare the devices' with.

    Attributes:
        version: of it; empty where it is not known.
        models: name → SHA-256 of each model of its manifest.
    """

    version: str = ""
    models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetDevice:
    """One device.

    Attributes:
        presence: whether it is there.
        since_ms: since when, by the hospital's clock; None where it was never heard of.
        heard_at_ms: when it last said how it is; None where it never did.
        facts: what it said then; None where it never did.
        certificate_days, oldest_seconds: as said then, and counted on to now.
        models: each model it said it uses, with its digest and what that is to this release.
        figures: of its pictures in the window.
        drift: these beside the fleet's.
        concerns: why it needs attention, the most urgent first.
    """

    device: str
    name: str
    status: str
    presence: Presence
    since_ms: int | None = None
    heard_at_ms: int | None = None
    facts: DeviceFacts | None = None
    certificate_days: int | None = None
    oldest_seconds: int | None = None
    models: tuple[tuple[str, str, ModelVerdict], ...] = ()
    figures: Figures = field(default_factory=Figures)
    drift: tuple[Compared, ...] = ()
    concerns: tuple[Concern, ...] = ()

    @property
    def active(self) -> bool:
        """Whether the site trusts it."""
        return self.status == "active"


def fleet_of(
    archive: Archive, enrolled: Callable[[], Sequence[Enrolled]] | None = None, release: Release | None = None
) -> tuple[FleetDevice, ...]:
    """Every device of the fleet now, those that need attention first.

    Args:
        archive: where the states are.
        enrolled: gives the site's list; without one, every device that was ever heard of.
        release: what models are compared with.

    Raises:
        ArchiveUnavailable: the archive does not answer.
    """
    states = {state.device: state for state in archive.states()}
    listed = [Enrolled(device, device) for device in states] if enrolled is None else enrolled()
    return fleet(archive.clock(), listed, states, archive.figures(WINDOW_DAYS), release or Release())


def fleet(
    now_ms: int,
    enrolled: Sequence[Enrolled],
    states: Mapping[DeviceId, KeptState],
    figures: Mapping[DeviceId, Figures],
    release: Release,
) -> tuple[FleetDevice, ...]:
    """The same of values."""
    active = {one.device for one in enrolled if one.status == "active"}
    everybody = sum((found for device, found in figures.items() if device in active), Figures())
    devices = []
    for one in enrolled:
        own = figures.get(DeviceId(one.device), Figures())
        drift = compared(own, everybody - own if one.device in active else everybody)
        plain = FleetDevice(one.device, one.name, one.status, Presence.NEVER, figures=own, drift=drift)
        state = states.get(DeviceId(one.device))
        found = plain if state is None else _heard(plain, state, now_ms, release)
        devices.append(replace(found, concerns=_concerns(found, now_ms)) if found.active else found)
    order = list(Concern)
    return tuple(
        sorted(
            devices,
            key=lambda d: (not d.active, min(map(order.index, d.concerns), default=len(order)), d.name, d.device),
        )
    )


def _heard(plain: FleetDevice, state: KeptState, now_ms: int, release: Release) -> FleetDevice:
    """The device with what it last said, counted on to now."""
    facts, age_ms = _facts(state), max(0, now_ms - state.heard_at_ms)
    if facts is None:
        return replace(plain, presence=Presence.NEVER if not state.online else Presence.SILENT, since_ms=state.since_ms)
    silent = state.online and age_ms >= SILENT_MS
    presence = Presence.SILENT if silent else Presence.ONLINE if state.online else Presence.AWAY
    return replace(
        plain,
        presence=presence,
        since_ms=state.heard_at_ms if silent else state.since_ms,
        heard_at_ms=state.heard_at_ms,
        facts=facts,
        certificate_days=facts.certificate_days - age_ms // DAY_MS,
        oldest_seconds=None if facts.oldest_seconds is None else facts.oldest_seconds + age_ms // 1000,
        models=tuple(
            (name, digest, _verdict(name, digest, facts.version, release))
            for name, digest in sorted(facts.models.items())
        ),
    )


def _facts(state: KeptState) -> DeviceFacts | None:
    """What its last birth said; nothing where none came, or the row is not what was written."""
    try:
        return decode_state(state.birth).facts if state.birth else None
    except MessageRefused:
        return None


def _verdict(name: str, digest: str, version: str, release: Release) -> ModelVerdict:
    if release.models.get(name) == digest:
        return ModelVerdict.KNOWN
    if not release.models:
        return ModelVerdict.NOT_COMPARED
    return ModelVerdict.ALTERED if version == release.version else ModelVerdict.OTHER_RELEASE


def _concerns(found: FleetDevice, now_ms: int) -> tuple[Concern, ...]:
    """Why an active device needs attention, the most urgent first."""
    facts, days = found.facts, found.certificate_days
    if facts is None or days is None:
        return (Concern.NEVER,)
    away = found.presence is not Presence.ONLINE
    holds = {
        Concern.SELF_TEST_FAILED: any(answer != PASSED for answer in facts.self_test.values()),
        Concern.MODELS_ALTERED: any(verdict is ModelVerdict.ALTERED for *_, verdict in found.models),
        Concern.CERTIFICATE_ENDED: days < 0,
        Concern.SPACE_LOW: facts.free_bytes < LEAST_FREE_BYTES,
        Concern.PARKED: facts.parked > 0,
        Concern.WAITING: (found.oldest_seconds or 0) >= WAITING_SECONDS,
        Concern.CERTIFICATE_ENDS: 0 <= days < CERTIFICATE_DAYS,
        Concern.HOT: not away and facts.celsius is not None and facts.celsius >= HOT_CELSIUS,
        Concern.DRIFT: any(one.stands_out for one in found.drift),
        Concern.AWAY: away and found.since_ms is not None and now_ms - found.since_ms >= AWAY_MS,
        Concern.NO_SELF_TEST: not facts.self_test,
    }
    return tuple(concern for concern in Concern if holds.get(concern, False))
