"""How the device is, for the fleet's page: a small file that the camera service writes and the sync service reads.

It holds model names with their digests and the parts of the device's test of itself; nothing about a patient.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from firmware.events import Event
from firmware.release import read_release
from firmware.settings import Settings
from provisioning import durable

if TYPE_CHECKING:
    from capture.service.self_test import SelfTested
    from sync.uplink import DeviceHealth

FILE: Final = "health/camera.json"
_MODE: Final = 0o640
_ZONES: Final = Path("/sys/class/thermal")


def tell_health(settings: Settings, result: SelfTested, models: Mapping[str, str]) -> None:
    """Leaves the result of the device's test of itself where the sync service finds it.

    A file that cannot be written is said in the log; the test counts all the same.
    """
    path = settings.state / FILE
    parts = {part: "failed" if wrong else "passed" for part, wrong in result.parts.items()}
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        said = {"models": dict(models), "self_test": parts, "self_test_at_ms": result.at_ms}
        durable.write(path, json.dumps(said).encode(), mode=_MODE)
    except OSError as error:
        structlog.get_logger().error(Event.HEALTH_UNWRITTEN, error=error.strerror or type(error).__name__)


def read_health(state: Path, release: Path | None = None) -> DeviceHealth:
    """What the camera service last left there, how warm the device is now, and which system the file `release` names.

    What is not known stays empty.
    """
    from sync.uplink import DeviceHealth

    known = DeviceHealth(celsius=warmest())
    with suppress(OSError, ValueError, TypeError, RecursionError):
        said = json.loads((state / FILE).read_bytes())
        known = DeviceHealth(**said, celsius=known.celsius)
    runs = read_release(release) if release else None
    return replace(known, system=str(runs or ""))


def warmest(zones: Path = _ZONES) -> int | None:
    """Whole degrees Celsius of the warmest part that the kernel knows of; None where it knows of none."""
    found = []
    for zone in zones.glob("thermal_zone*/temp"):
        with suppress(OSError, ValueError):
            found.append(int(zone.read_text(encoding="ascii")) // 1000)
    return max((warm for warm in found if -50 <= warm <= 150), default=None)
