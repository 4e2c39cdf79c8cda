"""What every part of a box's story waits for."""

from __future__ import annotations

import os

from tests.appliance.machine import Machine

BOOT_S, SLOW_S = 400, 400
PLUGS = 20 if os.environ.get("WARDLENS_FAULTS") == "long" else 3
"""How often its plug is pulled."""


def until_running(box: Machine) -> None:
    """It is started, and nothing has failed."""
    box.until_it_answers(BOOT_S)
    state = box.run("systemctl", "is-system-running", "--wait", seconds=BOOT_S).out.strip()
    assert state == "running", box.run("systemctl", "--failed", "--no-pager").out


def show(box: Machine, unit: str, *names: str) -> list[str]:
    """What systemd knows of a unit."""
    return box.run("systemctl", "show", "--value", f"--property={','.join(names)}", unit).good().split()


def release(box: Machine) -> str:
    """The version of the system that runs."""
    return box.run("cat", "/etc/wardlens-release").good().strip()
