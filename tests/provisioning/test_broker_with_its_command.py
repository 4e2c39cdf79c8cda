"""`wardlens broker run` and the Mosquitto that it starts end together, however the command ends."""

from __future__ import annotations

import os
import select
import signal
import socket
from pathlib import Path

import pytest

SECONDS = 15


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_no_broker_is_left_when_its_command_has_ended(broker, program, ended_by: signal.Signals):
    program("mosquitto")
    with broker() as (process, port):
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
        assert Path(f"/proc/{child}/comm").read_text("ascii") == "mosquitto\n"
        mosquitto = os.pidfd_open(int(child))
        process.send_signal(ended_by)
        process.wait(SECONDS)
        ended, _, _ = select.select([mosquitto], [], [], SECONDS)
        os.close(mosquitto)
    assert ended, "Mosquitto outlived the command that started it"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
