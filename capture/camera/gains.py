"""When to lock the white balance, and when the light has changed so much that it must be found again. Pure.

A camera that keeps adjusting gives the same wound two colours in two pictures (picamera2 #977, #691). So its gains are
locked once they stand still, and let go when the ward's light is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

STEADY_FRAMES: Final = 8
STEADY_WITHIN: Final = 0.02
"""Share by which gains may differ from frame to frame and count as standing still."""

OTHER_LIGHT: Final = 2.0
"""Factor of illuminance from which the light is another."""

OTHER_FRAMES: Final = 15


@dataclass(frozen=True, slots=True)
class Gains:
    """What is known of the white balance.

    Attributes:
        colour: red and blue gain, as last seen or as locked; None before the first frame.
        locked: whether they are held.
        steady: for how many frames they stood still, or, when locked, for how many the light was another.
        lux: the light they were locked in; 0.0 where the sensor does not say.
    """

    colour: tuple[float, float] | None = None
    locked: bool = False
    steady: int = 0
    lux: float = 0.0


def after_frame(gains: Gains, metadata: Mapping[str, Any]) -> tuple[Gains, dict[str, Any]]:
    """The gains after a frame with this metadata, and the controls to set (most often none)."""
    colour = metadata.get("ColourGains")
    lux = float(metadata.get("Lux", 0.0))
    if colour is None:
        return gains, {}
    now = float(colour[0]), float(colour[1])
    return _while_locked(gains, lux) if gains.locked else _while_settling(gains, now, lux)


def _while_settling(gains: Gains, now: tuple[float, float], lux: float) -> tuple[Gains, dict[str, Any]]:
    if gains.colour is None or not _close(gains.colour, now):
        return Gains(now), {}
    if gains.steady + 1 < STEADY_FRAMES:
        return Gains(now, steady=gains.steady + 1), {}
    return Gains(now, locked=True, lux=lux), {"AwbEnable": False, "ColourGains": now}


def _while_locked(gains: Gains, lux: float) -> tuple[Gains, dict[str, Any]]:
    if gains.lux <= 0 or lux <= 0 or 1 / OTHER_LIGHT < lux / gains.lux < OTHER_LIGHT:
        return Gains(gains.colour, locked=True, lux=gains.lux), {}
    if gains.steady + 1 < OTHER_FRAMES:
        return Gains(gains.colour, locked=True, steady=gains.steady + 1, lux=gains.lux), {}
    return Gains(), {"AwbEnable": True}


def _close(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= STEADY_WITHIN * max(a, b) for a, b in zip(one, other, strict=True))
