"""IT at its desk: the real command line, and the patience to see what comes of it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from firmware.demo.place import DemoPlace

T = TypeVar("T")

PATIENCE = 60.0


def wardlens(place: DemoPlace, *words: str) -> str:
    """What a command says; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "firmware", *words, "--config", str(place.file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_until(so: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """What `so` gives, once that is something."""
    until = time.monotonic() + seconds
    while not (found := so()):
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.1)
    return found
