"""The page of the fleet: every device of the site with its last word, those that need attention first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import Response

from sync.receiver.drift import Compared
from sync.receiver.fleet import WINDOW_DAYS, FleetDevice, ModelVerdict, Presence
from sync.receiver.fleet_said import counted, duration, failed_parts, figure, measure_in_words, sentence
from sync.receiver.view.showing import Moment, moment

MOST_SHOWN: Final = 200
"""Devices on the page; of more, those that need attention first, and the command lists them all."""

_PRESENCE: Final = {
    Presence.ONLINE: "Online",
    Presence.AWAY: "Away",
    Presence.SILENT: "Silent",
    Presence.NEVER: "Never heard of",
}
_VERDICTS: Final = {
    ModelVerdict.KNOWN: "known",
    ModelVerdict.ALTERED: "altered",
    ModelVerdict.OTHER_RELEASE: "of another release",
    ModelVerdict.NOT_COMPARED: "not compared",
}
_GB: Final = 1_000_000_000
_UNKNOWN: Final = "not known"


@dataclass(frozen=True, slots=True)
class DriftShown:
    """A figure of a device beside the fleet's."""

    what: str
    own: str
    fleet: str
    stands_out: bool


@dataclass(frozen=True, slots=True)
class DeviceShown:
    """One device, ready for the page.

    Attributes:
        tone: good, bad or none: what the page marks it with.
        since: since when it is there or not; not of one that the site does not trust any more.
        attention: why it needs attention, and what to do.
        facts: names and values, as it last said them.
        models: name, digest, what it is to this release, and whether that is bad.
        tested_at: when it last tested itself, by its own clock.
    """

    name: str
    device: str
    tone: str
    presence: str
    since: Moment | None
    heard: Moment | None
    version: str
    system: str
    attention: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    self_test: str
    tested_at: Moment | None
    models: tuple[tuple[str, str, str, bool], ...]
    models_brief: str
    pictures: str
    drift: tuple[DriftShown, ...]


def shown_device(device: FleetDevice) -> DeviceShown:
    """What the page shows of a device."""
    facts = device.facts
    return DeviceShown(
        name=device.name,
        device=device.device,
        tone="bad" if device.concerns else "good" if device.presence is Presence.ONLINE and device.active else "none",
        presence=_PRESENCE[device.presence] if device.active else f"No longer trusted ({device.status})",
        since=None if device.since_ms is None or not device.active else moment(device.since_ms),
        heard=None if device.heard_at_ms is None else moment(device.heard_at_ms),
        version=_UNKNOWN if facts is None or not facts.version else facts.version,
        system="" if facts is None else facts.system,
        attention=tuple(sentence(device, concern) for concern in device.concerns),
        facts=() if facts is None else tuple(_facts(device)),
        self_test=_self_test(device),
        tested_at=None if facts is None or not facts.self_test_at_ms else moment(facts.self_test_at_ms),
        models=tuple((name, digest, _VERDICTS[v], v is ModelVerdict.ALTERED) for name, digest, v in device.models),
        models_brief=_models(device),
        pictures=f"{counted(device.figures.pictures, 'picture')} in {WINDOW_DAYS} days",
        drift=tuple(_drift(one) for one in device.drift),
    )


def _facts(device: FleetDevice) -> list[tuple[str, str]]:
    facts = device.facts
    assert facts is not None
    queue = f"{facts.queued} waiting"
    if device.oldest_seconds is not None:
        queue += f", the oldest for {duration(device.oldest_seconds)}"
    if facts.parked:
        queue += f", {facts.parked} refused for good"
    days = device.certificate_days
    certificate = _UNKNOWN if days is None else "ended" if days < 0 else f"{counted(days, 'day')} left"
    return [
        ("Queue", queue),
        ("Free space", f"{facts.free_bytes / _GB:.1f} GB"),
        ("Temperature", _UNKNOWN if facts.celsius is None else f"{facts.celsius} °C"),
        ("Certificate", certificate),
    ]


def _self_test(device: FleetDevice) -> str:
    if device.facts is None or not device.facts.self_test:
        return "none yet"
    failed = failed_parts(device)
    return f"failed: {', '.join(failed)}" if failed else "passed"


def _models(device: FleetDevice) -> str:
    """How many of which verdict."""
    verdicts = [verdict for *_, verdict in device.models]
    counts = [(verdict, verdicts.count(verdict)) for verdict in ModelVerdict if verdict in verdicts]
    return ", ".join(f"{number} {_VERDICTS[verdict]}" for verdict, number in counts) or "none named"


def _drift(one: Compared) -> DriftShown:
    fleet = "–" if one.fleet is None else figure(one.measure, one.fleet)
    return DriftShown(measure_in_words(one.measure), figure(one.measure, one.own), fleet, one.stands_out)


def add_device_page(
    app: FastAPI,
    fleet: Callable[[], Sequence[FleetDevice]],
    *,
    page: Callable[..., Response],
    facts: Callable[[Request], Mapping[str, Any]],
) -> None:
    """Give `app` the page of devices.

    Args:
        app: the view.
        fleet: the devices now, those that need attention first.
        page: makes a page of a template's name and values.
        facts: how it stands, for the head of the page.
    """

    @app.get("/devices")
    def devices(request: Request) -> Response:
        found = fleet()
        active = [device for device in found if device.active]
        return page(
            "devices.html",
            devices=[shown_device(device) for device in found[:MOST_SHOWN]],
            trusted=len(active),
            online=sum(device.presence is Presence.ONLINE for device in active),
            concerned=sum(bool(device.concerns) for device in active),
            left_out=max(0, len(found) - MOST_SHOWN),
            facts=facts(request),
        )
