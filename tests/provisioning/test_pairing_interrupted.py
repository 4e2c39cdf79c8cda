"""Pairing that is killed, at every step and every file: an unpaired device that pairs again, never half a one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provisioning.enrolment import PairingState, pair, writing
from provisioning.errors import NotPaired, StorageRefused
from provisioning.identity import DeviceIdentity

# The device as a process of its own, which is killed as a power cut would kill it.
AT_A_STEP = """
import os, signal, sys
from pathlib import Path
from provisioning.enrolment import pair

def step(state):
    if state.value == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

pair(sys.argv[1], Path(sys.argv[2]), on_digits=lambda _: None, on_state=step)
"""

AT_A_FILE = """
import os, signal, sys
from pathlib import Path
from provisioning import durable
from provisioning.enrolment import pair

left = int(sys.argv[3])
replace = os.replace

def counted(source, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    replace(source, target)

durable.os.replace = counted
pair(sys.argv[1], Path(sys.argv[2]), on_digits=lambda _: None)
"""


def run(program: str, line: str, state: Path, where: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, line, str(state), where], stdout=subprocess.DEVNULL)


def finish(device: subprocess.Popen[bytes], site) -> int:
    """IT confirms whoever waits, until the device's process ends."""
    while True:
        try:
            return device.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            for waiting in site.pending():
                site.approve(waiting.id, waiting.digits)


def invite(site, enrolment) -> str:
    return site.invite(f"127.0.0.1:{enrolment.port}").line


@pytest.mark.parametrize("step", [s for s in PairingState if s not in {PairingState.UNPAIRED, PairingState.PAIRED}])
def test_killed_at_any_step_the_device_is_unpaired_and_pairs_again(site, enrolment, tmp_path, approving, step):
    state = tmp_path / "state"
    assert finish(run(AT_A_STEP, invite(site, enrolment), state, step.value), site) == -signal.SIGKILL
    with pytest.raises(NotPaired):
        DeviceIdentity.load(state)
    again = pair(invite(site, enrolment), state, on_digits=approving)
    assert DeviceIdentity.load(state) == again
    assert site.status(again.device) == "active"


def test_killed_after_the_last_step_the_device_is_paired(site, enrolment, tmp_path):
    state = tmp_path / "state"
    last = PairingState.PAIRED.value
    assert finish(run(AT_A_STEP, invite(site, enrolment), state, last), site) == -signal.SIGKILL
    assert site.status(DeviceIdentity.load(state).device) == "active"


@pytest.mark.parametrize("files", range(8))
def test_killed_before_any_file_the_device_is_unpaired_and_pairs_again(site, enrolment, tmp_path, approving, files):
    state = tmp_path / "state"
    assert finish(run(AT_A_FILE, invite(site, enrolment), state, str(files)), site) == -signal.SIGKILL
    with pytest.raises(NotPaired):
        DeviceIdentity.load(state)
    again = pair(invite(site, enrolment), state, on_digits=approving)
    assert DeviceIdentity.load(state) == again


def test_there_is_no_ninth_file(site, enrolment, tmp_path):
    assert finish(run(AT_A_FILE, invite(site, enrolment), tmp_path / "state", "8"), site) == 0


def test_a_disk_that_fills_up_leaves_an_unpaired_device_and_a_sentence(line, tmp_path, approving, monkeypatch):
    written = []

    def until_full(path: Path, data: bytes, *, mode: int = 0o644) -> None:
        if len(written) == 4:
            raise OSError(28, os.strerror(28))
        written.append(path)
        path.write_bytes(data)

    monkeypatch.setattr(writing.durable, "write", until_full)
    with pytest.raises(StorageRefused, match="No space left"):
        pair(line, tmp_path / "state", on_digits=approving)
    with pytest.raises(NotPaired):
        DeviceIdentity.load(tmp_path / "state")
