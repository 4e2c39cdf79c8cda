"""Child processes: ready before we go on, missed when they die, gone when we are."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from firmware.errors import WorkFailed
from firmware.supervision import Supervisor

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    textwrap.dedent(
        """
        import pathlib, signal, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path(sys.argv[1]).touch()
        while True:
            signal.pause()
        """
    ),
]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came"
        time.sleep(0.01)


def test_leaving_the_block_ends_every_child(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        children = [supervisor.start(f"child-{n}", SLEEPER) for n in range(3)]
        assert all(child.running for child in children)
    assert not any(child.running for child in children)


def test_a_child_that_ignores_the_request_is_ended_by_force(tmp_path):
    flag = tmp_path / "deaf"
    with Supervisor(tmp_path, grace_seconds=0.2) as supervisor:
        child = supervisor.start("deaf", [*STUBBORN, str(flag)])
        supervisor.wait_until(flag.exists, "the deaf child")
    assert child.process.returncode == -signal.SIGKILL


def test_a_child_that_dies_while_we_wait_is_reported_with_its_last_words(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("brief", [sys.executable, "-c", "print('no camera here'); raise SystemExit(3)"])
        with pytest.raises(WorkFailed, match=r"(?s)brief.*status 3.*no camera here"):
            supervisor.wait_until(lambda: False, "the brief child")


def test_what_never_gets_ready_is_named(tmp_path):
    with Supervisor(tmp_path) as supervisor, pytest.raises(WorkFailed, match="the moon did not come up"):
        supervisor.wait_until(lambda: False, "the moon", seconds=0.05)


def test_children_end_when_their_parent_is_killed(tmp_path):
    code = textwrap.dedent(
        f"""
        import pathlib, signal
        from firmware.supervision import Supervisor
        with Supervisor(pathlib.Path({str(tmp_path)!r})) as supervisor:
            print(supervisor.start("orphan", {SLEEPER!r}).process.pid, flush=True)
            signal.pause()
        """
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        orphan = int(parent.stdout.readline())
        wait_for(lambda: is_alive(orphan))
        os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(orphan))
