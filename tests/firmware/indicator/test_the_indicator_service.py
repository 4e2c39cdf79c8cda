"""The indicator service on mock pins: what is said to it is what its pins show; and the two processes, end to end."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from firmware.indicator.facts import Facts
from firmware.indicator.lights import SHOWN, Light
from firmware.indicator.running import NoLight, run_indicator
from firmware.settings import Indicator

RED, GREEN, BLUE = 17, 27, 22
WELL = Facts(paired=True, works=True, starting=False, seen=False, held=False, late=False)
PATIENCE_S = 20.0


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before, Device.pin_factory = Device.pin_factory, MockFactory()
    yield Device.pin_factory
    Device.pin_factory = before


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "light.sock"


def lit(factory: MockFactory, *, active_high: bool = True) -> tuple[bool, bool, bool]:
    red, green, blue = (bool(factory.pin(number).state) == active_high for number in (RED, GREEN, BLUE))
    return red, green, blue


def until(so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < end, what
        time.sleep(0.005)


@pytest.mark.parametrize("active_high", [True, False])
def test_the_pins_show_what_was_said_last_and_are_dark_at_the_end(pins, place, active_high) -> None:
    settings = Indicator(red=RED, green=GREEN, blue=BLUE, active_high=active_high, socket=place)
    stop, turns = threading.Event(), []
    service = threading.Thread(target=run_indicator, args=(settings, stop, lambda: turns.append(1)))
    service.start()
    try:
        until(lambda: place.exists() and stat.S_IMODE(place.stat().st_mode) == 0o660, "no socket for its group alone")
        for facts, light in (
            (WELL, Light.READY),
            (Facts(True, True, False, True, False, False), Light.SEEN),
            (Facts(True, False, False, False, False, False), Light.FAILED),
        ):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.sendto(b"something else", str(place))
                to.sendto(facts.to_bytes(), str(place))
            until(lambda light=light: lit(pins, active_high=active_high) == SHOWN[light][0], f"{light} is not shown")
        assert turns
    finally:
        stop.set()
        service.join(PATIENCE_S)
    assert not place.exists()


def test_without_pins_there_is_no_light_and_no_fault(place) -> None:
    with pytest.raises(NoLight, match=r"indicator\.red"):
        run_indicator(Indicator(socket=place), threading.Event())


def test_a_pin_that_is_in_use_is_said_and_is_no_fault(pins, place, monkeypatch) -> None:
    class LibraryError(Exception):
        pass

    def taken(name: object) -> None:
        raise LibraryError("GPIO busy")

    monkeypatch.setattr(pins, "pin", taken)
    with pytest.raises(NoLight, match="GPIO busy"):
        run_indicator(Indicator(red=RED, green=GREEN, blue=BLUE, socket=place), threading.Event())
    assert not place.exists()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(PATIENCE_S)
        yield heard


def test_the_service_is_ready_once_it_hears_and_ends_when_it_is_told(tmp_path, place, systemd) -> None:
    (tmp_path / "w.toml").write_text(f'[indicator]\nred = 17\ngreen = 27\nblue = 22\nsocket = "{place}"\n')
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware", "indicator", "run", "--config", str(tmp_path / "w.toml")],
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock", "NOTIFY_SOCKET": systemd.getsockname()},
    )
    try:
        assert systemd.recv(64) == b"READY=1"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(WELL.to_bytes(), str(place))
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(PATIENCE_S)
    assert (ended, place.exists()) == (0, False)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [("", "No light is set"), ("[indicator]\nred = 17\ngreen = 27\nblue = 22\n", "cannot be used here")],
    ids=["none is set", "a machine without pins"],
)
def test_where_there_is_no_light_the_command_says_so_and_is_no_failed_unit(tmp_path, config, sentence) -> None:
    (tmp_path / "w.toml").write_text(config)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        ran = subprocess.run(
            [sys.executable, "-m", "firmware", "indicator", "run", "--config", str(tmp_path / "w.toml")],
            capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "GPIOZERO_PIN_FACTORY": "native", "NOTIFY_SOCKET": str(tmp_path / "notify"),
                 "WARDLENS_INDICATOR__SOCKET": str(tmp_path / "l.sock")},
        )  # fmt: skip
        assert (ran.returncode, sentence in ran.stdout) == (0, True), ran.stderr
        assert systemd.recv(64) == b"READY=1", "a unit of type notify that ends before it is ready has failed"


def test_a_camera_service_says_to_the_light_how_it_is(tmp_path, place) -> None:
    """Two real processes' worth: an unpaired camera service, and the end of the wire that the indicator has."""
    (tmp_path / "pictures").mkdir()
    config = tmp_path / "w.toml"
    config.write_text(
        f'state = "{tmp_path / "state"}"\nruntime = "{tmp_path / "run"}"\nmodels = "{tmp_path / "none"}"\n'
        f'[camera]\nadapter = "replay"\nsource = "{tmp_path / "pictures"}"\n[indicator]\nsocket = "{place}"\n'
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(place))
        heard.settimeout(PATIENCE_S)
        process = subprocess.Popen(
            [sys.executable, "-m", "firmware", "camera", "run", "--config", str(config)], stderr=subprocess.PIPE
        )
        try:
            said = heard.recv(1024).decode()
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)
    assert re.search(r'"paired": false', said)
    assert "sentence" not in said
