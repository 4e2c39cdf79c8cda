"""The fleet put together: the site's list of devices, this release's models, and what the archive knows of each."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.devices import DeviceState
from provisioning.site import Site

if TYPE_CHECKING:
    from sync.receiver import Enrolled, Release

_NOT_YET = frozenset({DeviceState.WAITING, DeviceState.REFUSED})
"""Devices that were never the site's own."""


def enrolled(site: Site) -> list[Enrolled]:
    """Every device that the site trusts or has trusted, in the order of their enrolment."""
    from sync.receiver import Enrolled

    return [
        Enrolled(device.id, device.name, device.state.value)
        for device in site.devices()
        if device.state not in _NOT_YET
    ]


def this_release() -> Release:
    """What this Wardlens is: its version, and the digests of the models that belong to it."""
    from sync.receiver import Release

    # The room itself is not imported: it needs the libraries that run models, and a hospital has none of them.
    room = find_spec("inference")
    assert room is not None
    assert room.origin is not None
    manifest = tomllib.loads(Path(room.origin).with_name("models.toml").read_text("utf-8"))
    rows = [row for model in manifest["model"] for row in (model, model.get("eight_bits")) if row]
    return Release(version("wardlens"), {row["name"]: row["sha256"] for row in rows})
