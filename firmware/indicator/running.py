"""The indicator service: hears what the device says, and has its light show it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firmware.errors import WorkFailed
from firmware.indicator.facts import MOST_BYTES, Facts, parse_facts
from firmware.indicator.lights import OFF, Colour, Light, colour_at, light_of
from firmware.settings import Indicator

if TYPE_CHECKING:
    from gpiozero import RGBLED

TURN_SECONDS: Final = 0.05
"""No rhythm has anything shorter."""
_MODE: Final = 0o660


class NoLight(Exception):  # noqa: N818 - named for what is known
    """There is none on this machine, which is no fault: one sentence."""


@contextmanager
def light_at(pins: Indicator) -> Iterator[Callable[[Colour], None]]:
    """What turns the three parts of the light on and off; dark at the end.

    Raises:
        NoLight: none is set, or this machine has no such pins.
    """
    from gpiozero import RGBLED, Device

    wanted = pins.red, pins.green, pins.blue
    if None in wanted:
        raise NoLight("No light is set: indicator.red, indicator.green and indicator.blue say which pins it is on.")
    try:
        led: RGBLED = RGBLED(*wanted, active_high=pins.active_high, pwm=False)
    except Exception as error:  # each pin library has errors of its own: a pin in use, no rights, no library
        raise NoLight(f"The pins {wanted} cannot be used here ({error}). Nothing is shown.") from error

    def show(colour: Colour) -> None:
        led.value = tuple(int(part) for part in colour)

    try:
        yield show
    finally:
        show(OFF)
        led.close()
        Device.pin_factory.close()


@contextmanager
def heard_at(place: Path) -> Iterator[socket.socket]:
    """The socket that facts are said to, for owner and group alone.

    Raises:
        WorkFailed: it cannot be made there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        try:
            place.unlink(missing_ok=True)
            heard.bind(str(place))
            place.chmod(_MODE)
        except OSError as error:
            raise WorkFailed(f"The light's socket {place} cannot be made ({error.strerror}). Restart it.") from error
        heard.settimeout(TURN_SECONDS)
        try:
            yield heard
        finally:
            place.unlink(missing_ok=True)


def run_indicator(
    settings: Indicator,
    stop: threading.Event,
    alive: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Shows how the device is until `stop` is set.

    Raises:
        NoLight: there is nothing to show it with.
        WorkFailed: it cannot hear.
    """
    with light_at(settings) as show, heard_at(settings.socket) as heard:
        said: Facts | None = None
        light, at, since, colour = Light.SILENT, clock(), clock(), OFF
        while not stop.is_set():
            with suppress(TimeoutError, ValueError):
                said, at = parse_facts(heard.recv(MOST_BYTES + 1)), clock()
            now = clock()
            if (shown := light_of(said, now - at)) is not light:
                light, since = shown, now
            if (wanted := colour_at(light, now - since)) != colour:
                colour = wanted
                show(colour)
            alive()
