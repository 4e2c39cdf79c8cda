"""What the camera service says to the light: how the device is, and nothing of a patient. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

MOST_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class Facts:
    """How the device is.

    Attributes:
        paired: it has a hospital.
        works: camera, models, vault and the last test of itself are well.
        starting: something of that is not known yet, and nothing is wrong.
        seen: somebody has the live view before them.
        held: pictures are in review.
        late: a sealed picture has waited long for the hospital.
    """

    paired: bool
    works: bool
    starting: bool
    seen: bool
    held: bool
    late: bool

    def to_bytes(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self)).encode("ascii")


_NAMES: Final = frozenset(field.name for field in fields(Facts))


def parse_facts(raw: bytes) -> Facts:
    """What was said.

    Raises:
        ValueError: it is something else.
    """
    try:
        said = json.loads(raw) if len(raw) <= MOST_BYTES else None
    except RecursionError:
        said = None
    if not isinstance(said, dict) or said.keys() != _NAMES or not all(isinstance(one, bool) for one in said.values()):
        raise ValueError("these are no facts of a device")
    return Facts(**said)


def facts_of(health: Mapping[str, Any], *, paired: bool, late: bool) -> Facts:
    """What there is to say of a camera service's health (docs/formats/camera-service.md)."""
    camera, engine, tested = (health[part]["state"] for part in ("camera", "engine", "self_test"))
    wrong = camera not in {"ready", "starting"} or engine == "failed"
    if paired:
        wrong = wrong or tested == "failed" or not health["vault"]["writable"]
    known = camera == engine == "ready" and (tested == "passed" or not paired)
    return Facts(
        paired=paired,
        works=known and not wrong,
        starting=not known and not wrong,
        seen=health["live_fps"] > 0,
        held=health["stills_held"] > 0,
        late=late,
    )
