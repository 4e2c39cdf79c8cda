"""What is known about the camera, and how that changes. Pure.

::

    STARTING ──frame──▶ READY ──gone──▶ MISSING
        │                 ▲ │  ◀──frame──┘
        └─silent─▶ STALLED ◀┘silent
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final


class CameraState(StrEnum):
    """What is known about the camera."""

    STARTING = "starting"
    READY = "ready"
    MISSING = "missing"
    STALLED = "stalled"


class CameraEvent(Enum):
    """What the supervisor saw."""

    FRAME = "a frame arrived"
    GONE = "the camera is not there"
    SILENT = "the camera is there and delivers nothing"


_S, _E = CameraState, CameraEvent

TRANSITIONS: Final[Mapping[tuple[CameraState, CameraEvent], CameraState]] = MappingProxyType(
    {
        (_S.STARTING, _E.FRAME): _S.READY,
        (_S.STARTING, _E.GONE): _S.MISSING,
        (_S.STARTING, _E.SILENT): _S.STALLED,
        (_S.READY, _E.FRAME): _S.READY,
        (_S.READY, _E.GONE): _S.MISSING,
        (_S.READY, _E.SILENT): _S.STALLED,
        (_S.MISSING, _E.FRAME): _S.READY,
        (_S.MISSING, _E.GONE): _S.MISSING,
        (_S.MISSING, _E.SILENT): _S.STALLED,
        (_S.STALLED, _E.FRAME): _S.READY,
        (_S.STALLED, _E.GONE): _S.MISSING,
        (_S.STALLED, _E.SILENT): _S.STALLED,
    }
)


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """The camera's state with the sentence for whoever looks at the screen."""

    state: CameraState
    sentence: str
    name: str


def after(status: CameraStatus, event: CameraEvent, sentence: str) -> CameraStatus:
    """The status once `event` was seen."""
    return CameraStatus(TRANSITIONS[status.state, event], sentence, status.name)


HOPELESS_S: Final = 60.0
"""How long a camera that has never delivered may hang before this process ends: a person can read why meanwhile."""


def gives_up(*, delivered: bool, hung_s: float) -> bool:
    """Whether a camera that hangs is given up, and this process with it: at once if it ever worked here (ADR 0019).

    Args:
        delivered: whether this process has had a frame from it.
        hung_s: for how many seconds it has hung.
    """
    return delivered or hung_s >= HOPELESS_S
