"""A wipe leaves nothing, and one that is interrupted at any step is finished at the next start."""

import os

import pytest

from firmware.errors import WorkFailed
from firmware.wiping import finish_wipe, wipe_state


@pytest.fixture
def state(tmp_path):
    for name in (
        "keys/signing.pem",
        "device.json",
        "vault/envelopes/aa/x.wle",
        "ledger/camera.jsonl",
        "site-manifest.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret")
    return tmp_path


def test_a_wipe_leaves_nothing(state):
    wipe_state(state)
    assert list(state.iterdir()) == []


def test_a_wipe_leaves_what_root_knows_of_the_system_that_runs(state):
    (state / "update.json").write_text("on trial")
    (state / "update-ordered.json").write_text("secret")
    wipe_state(state)
    assert [path.name for path in state.iterdir()] == ["update.json"]
    assert (state / "update.json").read_text() == "on trial"


def test_a_device_that_was_not_being_wiped_is_left_alone(state):
    assert not finish_wipe(state)
    assert (state / "keys/signing.pem").exists()


@pytest.mark.parametrize("survives", range(1, 9))
def test_an_interrupted_wipe_is_finished_at_the_next_start(state, monkeypatch, survives):
    real, calls = os.fsync, []

    def power_cut(descriptor):
        calls.append(descriptor)
        if len(calls) == survives:
            raise OSError(5, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", power_cut)
    try:
        wipe_state(state)
    except WorkFailed:
        monkeypatch.undo()
        finish_wipe(state)
    assert list(state.iterdir()) == []


def test_the_keys_go_first(state, monkeypatch):
    seen = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda d: (seen.append({path.name for path in state.iterdir()}), real(d))[1])
    wipe_state(state)
    without_keys = [names for names in seen if "keys" not in names]
    assert {"vault", "ledger"} <= without_keys[0]
