"""What is said of a device: why it needs attention in sentences for IT, and all of it for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from sync.receiver.drift import Compared, Measure
from sync.receiver.fleet import PASSED, Concern, FleetDevice, ModelVerdict

_GB: Final = 10**9


def _failed(device: FleetDevice) -> str:
    parts = ", ".join(failed_parts(device))
    return f"Its test of itself failed ({parts}): it takes no picture until it passes. The device's screen says why."


def _altered(device: FleetDevice) -> str:
    names = ", ".join(name for name, _, verdict in device.models if verdict is ModelVerdict.ALTERED)
    return f"It uses a model that is not its release's ({names}). Take it out of use and install it anew."


def _space(device: FleetDevice) -> str:
    free = 0 if device.facts is None else device.facts.free_bytes
    return f"It has {free / _GB:.1f} GB left. Connect it until its queue is empty; then see what fills its disk."


def _parked(device: FleetDevice) -> str:
    parked = 0 if device.facts is None else device.facts.parked
    what = "picture of it was" if parked == 1 else "pictures of it were"
    return f"{parked} {what} refused for good and wait there: the device's queue says why."


def _waiting(device: FleetDevice) -> str:
    waited = duration(device.oldest_seconds or 0)
    return f"A picture has waited there for {waited}. Bring it near the network, or see why it does not send."


def _drift(device: FleetDevice) -> str:
    said = "; ".join(drift_in_words(one) for one in device.drift if one.stands_out)
    return f"Its pictures differ from the fleet's: {said}. Look at its lens, its light and some of its pictures."


_SENTENCES: Final[Mapping[Concern, Callable[[FleetDevice], str]]] = MappingProxyType(
    {
        Concern.SELF_TEST_FAILED: _failed,
        Concern.MODELS_ALTERED: _altered,
        Concern.CERTIFICATE_ENDED: lambda device: (
            "Its certificate has ended: the broker refuses it. It renews by itself when it is switched on near the "
            f"network; if it was away for too long, run `wardlens site readmit {device.device}`."
        ),
        Concern.SPACE_LOW: _space,
        Concern.PARKED: _parked,
        Concern.WAITING: _waiting,
        Concern.CERTIFICATE_ENDS: lambda device: (
            f"Its certificate ends in {counted(device.certificate_days or 0, 'day')} and should have been renewed: "
            "see that it reaches the enrolment server."
        ),
        Concern.HOT: lambda device: (
            f"It is {device.facts.celsius if device.facts else 0} °C warm, and slows itself down. Give it air."
        ),
        Concern.DRIFT: _drift,
        Concern.AWAY: lambda _: "It has been away for more than a day. Find it, or revoke it.",
        Concern.NEVER: lambda _: "It was approved and has never been heard of. Switch it on near the network.",
        Concern.NO_SELF_TEST: lambda _: "It has not tested itself yet. If this stays, look at its screen.",
    }
)

_MEASURES: Final = MappingProxyType(
    {
        Measure.UNCOVERED: "pictures in which a person uncovered something",
        Measure.ADDED: "pictures in which a person covered what nothing had found",
        Measure.UNSURE: "pictures in which a detector could not tell",
        Measure.REGIONS: "regions covered per picture",
    }
)


def sentence(device: FleetDevice, concern: Concern) -> str:
    """Why a device needs attention, and what to do."""
    return _SENTENCES[concern](device)


def drift_in_words(one: Compared) -> str:
    """A figure beside the fleet's."""
    fleet = "" if one.fleet is None else f" (fleet {figure(one.measure, one.fleet)})"
    return f"{measure_in_words(one.measure)} {figure(one.measure, one.own)}{fleet}"


def measure_in_words(measure: Measure) -> str:
    """What is compared."""
    return _MEASURES[measure]


def figure(measure: Measure, value: float) -> str:
    """A share as a percentage, a mean with one digit."""
    return f"{value:.1f}" if measure is Measure.REGIONS else f"{100 * value:.1f} %"


def failed_parts(device: FleetDevice) -> list[str]:
    """The parts of its test of itself that did not pass."""
    return [] if device.facts is None else sorted(p for p, said in device.facts.self_test.items() if said != PASSED)


def duration(seconds: int) -> str:
    """How long, in the largest whole unit."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(seconds // size, unit)
    return counted(seconds, "second")


def counted(number: int, unit: str) -> str:
    """So many of it."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def as_json(device: FleetDevice) -> dict[str, Any]:
    """All that is known of a device, for programs; what is not known is null."""
    facts = device.facts
    return {
        "device": device.device,
        "name": device.name,
        "status": device.status,
        "presence": device.presence.value,
        "since": _iso(device.since_ms),
        "heard": _iso(device.heard_at_ms),
        "version": None if facts is None else facts.version,
        "system": None if facts is None else facts.system or None,
        "queued": None if facts is None else facts.queued,
        "parked": None if facts is None else facts.parked,
        "oldest_waiting_seconds": device.oldest_seconds,
        "free_bytes": None if facts is None else facts.free_bytes,
        "celsius": None if facts is None else facts.celsius,
        "certificate_days": device.certificate_days,
        "models": {name: {"sha256": digest, "is": verdict.value} for name, digest, verdict in device.models},
        "self_test": {} if facts is None else dict(facts.self_test),
        "self_test_by_its_own_clock": None if facts is None else _iso(facts.self_test_at_ms or None),
        "drift": {
            "pictures": device.figures.pictures,
            **{
                one.measure.value: {"own": one.own, "fleet": one.fleet, "stands_out": one.stands_out}
                for one in device.drift
            },
        },
        "attention": [{"concern": concern.value, "sentence": sentence(device, concern)} for concern in device.concerns],
    }


def _iso(at_ms: int | None) -> str | None:
    """The moment in UTC; None where there is none, or no calendar has it: a device's clock may say anything."""
    if at_ms is None:
        return None
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return None
