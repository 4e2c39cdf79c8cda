"""A process whose thread hangs ends, whatever the thread hangs in; and one that lives goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

WATCHED = """
import ctypes, sys, threading, time
from firmware.last_resort import LastResort
resort = LastResort(seconds=0.6)
def camera():
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        resort.beat()
        time.sleep(0.01)
    {then}
thread = threading.Thread(target=camera, daemon=True)
thread.start()
thread.join()
resort.disarm()
time.sleep(1.0)
print("all is well")
"""


def watched(then):
    command = [sys.executable, "-c", WATCHED.format(then=then)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "hang",
    ["ctypes.PyDLL(None).pause()", "ctypes.CDLL(None).pause()", "threading.Event().wait()"],
    ids=["holding-the-interpreter", "in-a-call-of-c", "in-python"],
)
def test_a_thread_that_hangs_ends_the_process_and_says_where(hang):
    done = watched(hang)
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert " in camera" in done.stderr
    assert "all is well" not in done.stdout


def test_a_thread_that_beats_and_ends_is_left_alone():
    done = watched("pass")
    assert (done.returncode, done.stdout.strip()) == (0, "all is well"), done.stderr
