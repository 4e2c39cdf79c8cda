"""`wardlens broker run` and the Mosquitto that it starts end together, however the command ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 15


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_no_broker_is_left_when_its_command_has_ended(site, tmp_path, program, ended_by: signal.Signals):
    program("mosquitto")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WARDLENS_")}
    chosen = {"WARDLENS_BROKER__PORT": str(port), "WARDLENS_LOG__FORMAT": "json"}
    command = [sys.executable, "-m", "firmware", "broker", "run", tmp_path / "broker", "--site", site.folder]
    with subprocess.Popen(command, cwd=ROOT, env=clean | chosen, stderr=subprocess.PIPE, text=True) as process:
        assert any("broker-started" in line for line in process.stderr)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
        assert Path(f"/proc/{child}/comm").read_text("ascii") == "mosquitto\n"
        process.send_signal(ended_by)
        process.communicate(timeout=SECONDS)
    until = time.monotonic() + SECONDS
    while _runs(child):
        assert time.monotonic() < until, "Mosquitto outlived the command that started it"
        time.sleep(0.01)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def _runs(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
