"""Between a pairing and the moment at which root has given each service its files, a service waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import device
from firmware.settings import Settings, load_settings
from provisioning.errors import IdentityDamaged
from provisioning.identity import DeviceIdentity

THE_IDENTITY = object()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(None, state=tmp_path)


def loading(monkeypatch: pytest.MonkeyPatch, outcomes: Iterator[object]) -> None:
    def load(_cls: type, _state: Path) -> object:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise IdentityDamaged("This device's identity is damaged.") from outcome
        return outcome

    monkeypatch.setattr(DeviceIdentity, "load", classmethod(load))
    monkeypatch.setattr(device, "_POLL_SECONDS", 0.001)


def test_files_that_are_not_ours_yet_are_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    loading(monkeypatch, iter([PermissionError(), PermissionError(), THE_IDENTITY]))
    assert device.identity_when_paired(settings, threading.Event()) is THE_IDENTITY


def test_files_that_never_become_ours_are_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    loading(monkeypatch, iter([PermissionError() for _ in range(10_000)]))
    monkeypatch.setattr(device, "_GIVEN_SECONDS", 0.05)
    with pytest.raises(IdentityDamaged):
        device.identity_when_paired(settings, threading.Event())


def test_what_is_damaged_is_said_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    loading(monkeypatch, iter([ValueError("no certificate")]))
    with pytest.raises(IdentityDamaged):
        device.identity_when_paired(settings, threading.Event())
