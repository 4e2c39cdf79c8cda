"""A service tells systemd that it lives for as long as its loop turns, and no longer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.life import Life, living

OFTEN = {"WATCHDOG_USEC": "200000"}


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket that systemd listens at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        yield listening


def test_it_is_ready_at_its_first_sign_and_says_so_once(systemd: socket.socket) -> None:
    life = Life(60, {"NOTIFY_SOCKET": systemd.getsockname()})
    life.sign()
    life.sign()
    assert systemd.recv(64) == b"READY=1"
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(64)


def test_a_loop_that_turns_is_passed_on_again_and_again(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", OFTEN["WATCHDOG_USEC"])
    with living(60) as life:
        life.sign()
        assert [systemd.recv(64) for _ in range(4)] == [b"READY=1", *[b"WATCHDOG=1"] * 3]


def test_a_loop_that_is_stuck_is_not_spoken_for(systemd: socket.socket) -> None:
    life, ended = Life(0.0, {"NOTIFY_SOCKET": systemd.getsockname(), **OFTEN}), threading.Event()
    life.sign()
    passing = threading.Thread(target=life.pass_on, args=(ended,))
    passing.start()
    assert systemd.recv(64) == b"READY=1"
    systemd.settimeout(0.5)
    with pytest.raises(TimeoutError):
        systemd.recv(64)
    ended.set()
    passing.join()


def test_before_its_first_sign_a_service_is_neither_ready_nor_alive(systemd: socket.socket) -> None:
    life, ended = Life(60, {"NOTIFY_SOCKET": systemd.getsockname(), **OFTEN}), threading.Event()
    passing = threading.Thread(target=life.pass_on, args=(ended,))
    passing.start()
    systemd.settimeout(0.5)
    with pytest.raises(TimeoutError):
        systemd.recv(64)
    ended.set()
    passing.join()


@pytest.mark.parametrize(
    "environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all", **OFTEN}, {"NOTIFY_SOCKET": "@wardlens-nobody"}]
)
def test_without_systemd_nothing_is_said_and_nothing_fails(environment: dict[str, str]) -> None:
    life, ended = Life(60, environment), threading.Event()
    life.sign()
    ended.set()
    life.pass_on(ended)
