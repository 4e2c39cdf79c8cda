"""What the light shows: one state, by what matters most, in a colour and in a rhythm of its own. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from firmware.indicator.facts import Facts

SILENT_SECONDS: Final = 5.0
"""After which nothing that was said counts any more."""


class Light(StrEnum):
    """What the device says by its light, what matters most first."""

    SILENT = "silent"
    FAILED = "failed"
    HELD = "held"
    SEEN = "seen"
    STARTING = "starting"
    UNPAIRED = "unpaired"
    LATE = "late"
    READY = "ready"


class Colour(NamedTuple):
    """Which of its three parts are on."""

    red: bool = False
    green: bool = False
    blue: bool = False


OFF: Final = Colour()
_RED, _AMBER, _GREEN, _BLUE, _WHITE = (
    Colour(red=True), Colour(red=True, green=True), Colour(green=True), Colour(blue=True), Colour(True, True, True),
)  # fmt: skip
SHOWN: Final[dict[Light, tuple[Colour, tuple[float, ...]]]] = {
    Light.SILENT: (_RED, (0.5, 0.5)),
    Light.FAILED: (_RED, (0.2, 0.2, 0.2, 0.2, 0.2, 1.0)),
    Light.HELD: (_AMBER, (0.15, 0.15)),
    Light.SEEN: (_WHITE, (1.0,)),
    Light.STARTING: (_BLUE, (1.5, 1.5)),
    Light.UNPAIRED: (_BLUE, (0.1, 0.2, 0.1, 1.6)),
    Light.LATE: (_AMBER, (0.1, 0.2, 0.1, 3.6)),
    Light.READY: (_GREEN, (0.05, 3.95)),
}
"""Each in its colour and its rhythm, seconds on and off in turn: who sees no colours tells them by the rhythm."""


def light_of(facts: Facts | None, age: float) -> Light:
    """The one state, from what was said last and how many seconds ago."""
    if facts is None or age > SILENT_SECONDS:
        return Light.SILENT
    rules = (
        (not facts.works and not facts.starting, Light.FAILED),
        (facts.held, Light.HELD),
        (facts.seen, Light.SEEN),
        (facts.starting, Light.STARTING),
        (not facts.paired, Light.UNPAIRED),
        (facts.late, Light.LATE),
    )
    return next((light for so, light in rules if so), Light.READY)


def colour_at(light: Light, seconds: float) -> Colour:
    """What is on so many seconds after it began to show that state."""
    colour, rhythm = SHOWN[light]
    left = seconds % sum(rhythm)
    for turn, lasting in enumerate(rhythm):
        if left < lasting:
            return OFF if turn % 2 else colour
        left -= lasting
    return colour
