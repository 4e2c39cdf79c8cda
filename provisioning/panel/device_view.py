"""The device page: what this device is and how it is, in groups. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provisioning.panel.ports import DeviceFacts
from provisioning.panel.words import megabytes


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
    device: DeviceFacts | None, health: Mapping[str, Any] | None, free_bytes: int, now: datetime, version: str
) -> tuple[Group, ...]:
    """All groups, in the order of the page."""
    groups = []
    if device:
        days = (device.certificate_until - now).days
        groups.append(
            Group(
                "This device",
                (
                    Fact("Name", device.name or device.device),
                    Fact("Id", device.device, code=True),
                    Fact("Hospital", device.site_name),
                    Fact("Certificate", f"{days} days left, until {device.certificate_until:%d %b %Y}"),
                    Fact("Sends to", device.broker),
                    Fact("Room left", megabytes(free_bytes)),
                    Fact("Wardlens", version or "unknown"),
                ),
            )
        )
    if health is None:
        return (*groups, Group("Camera", (Fact("State", "The camera service does not answer."),)))
    camera, engine = health.get("camera", {}), health.get("engine", {})
    groups.append(
        Group(
            "Camera",
            (
                Fact("Name", str(camera.get("name", "unknown"))),
                Fact("State", _state(camera)),
                Fact("Live view", f"{health.get('live_fps', 0):.0f} pictures a second"),
            ),
        )
    )
    models = engine.get("models", {})
    groups.append(
        Group(
            "Finding faces and names",
            (
                Fact("State", _state(engine)),
                *(Fact(name, digest[:16], code=True) for name, digest in sorted(models.items())),
            ),
        )
    )
    return tuple(groups)


def _state(part: Mapping[str, Any]) -> str:
    return str(part.get("sentence") or str(part.get("state", "unknown")).capitalize())
