"""The device page: what this device is and how it is, in groups. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provisioning.panel.languages import Language
from provisioning.panel.ports import DeviceFacts
from provisioning.panel.words import clock_time, date, size


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: its name, its value, and whether the value is a code to compare letter by letter."""

    name: str
    value: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together."""

    title: str
    facts: tuple[Fact, ...]


def device_groups(
    said: Language,
    device: DeviceFacts | None,
    health: Mapping[str, Any] | None,
    *,
    free_bytes: int,
    now: datetime,
    version: str,
) -> tuple[Group, ...]:
    """All groups, in the order of the page."""
    groups = []
    if device:
        days = (device.certificate_until - now).days
        left = said.say("device.days-left", number=days, date=date(said, device.certificate_until))
        groups.append(
            Group(
                said.say("device.this"),
                (
                    Fact(said.say("device.name"), device.name or device.device),
                    Fact(said.say("device.id"), device.device, code=True),
                    Fact(said.say("device.hospital"), device.site_name),
                    Fact(said.say("device.certificate"), left),
                    Fact(said.say("device.keys"), said.say(f"device.keys-{device.keys}")),
                    Fact(said.say("device.sends-to"), device.broker),
                    Fact(said.say("device.room"), size(said, free_bytes)),
                    Fact("Wardlens", version or said.say("device.unknown")),
                ),
            )
        )
    if health is None:
        away = Fact(said.say("device.state"), said.say("device.camera-away"))
        return (*groups, Group(said.say("device.camera"), (away,)))
    camera, engine = health.get("camera", {}), health.get("engine", {})
    groups.append(
        Group(
            said.say("device.camera"),
            (
                Fact(said.say("device.name"), str(camera.get("name") or said.say("device.unknown"))),
                Fact(said.say("device.state"), _state(said, camera)),
                Fact(said.say("device.live"), said.say("device.rate", number=f"{health.get('live_fps', 0):.0f}")),
            ),
        )
    )
    models = engine.get("models", {})
    groups.append(
        Group(
            said.say("device.finding"),
            (
                Fact(said.say("device.state"), _state(said, engine)),
                *(Fact(name, digest[:16], code=True) for name, digest in sorted(models.items())),
            ),
        )
    )
    if test := health.get("self_test"):
        groups.append(Group(said.say("device.self-test"), _self_test(said, test)))
    return tuple(groups)


def self_test_said(said: Language, health: Mapping[str, Any] | None) -> tuple[bool, str]:
    """Whether the device has tested itself, and how that ended, in one sentence."""
    test = (health or {}).get("self_test", {})
    if test.get("state") not in {"passed", "failed"}:
        return False, said.say("pairing.testing")
    wrong = [said.heard(str(sentence)) for sentence in test.get("failed", {}).values()]
    return True, " ".join(wrong) or _state(said, {"state": test["state"]})


def _self_test(said: Language, test: Mapping[str, Any]) -> tuple[Fact, ...]:
    state = Fact(said.say("device.state"), _state(said, {"state": test.get("state")}))
    at_ms = test.get("at_ms", 0)
    when = (Fact(said.say("device.when"), clock_time(said, at_ms)),) if at_ms else ()
    wrong = (Fact(part, said.heard(str(sentence))) for part, sentence in test.get("failed", {}).items())
    return (state, *when, *wrong)


def _state(said: Language, part: Mapping[str, Any]) -> str:
    if part.get("sentence"):
        return said.heard(str(part["sentence"]))
    key = f"states.{part.get('state')}"
    return said.say(key) if said.has(key) else said.say("device.unknown")
