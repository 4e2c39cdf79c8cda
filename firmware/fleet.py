"""The fleet put together: the site's list of devices, this release's models, and what the archive knows of each."""

from __future__ import annotations

from importlib.metadata import version
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
    from inference import load_manifest
    from sync.receiver import Release

    return Release(version("wardlens"), {model.name: model.sha256 for model in load_manifest().models})
