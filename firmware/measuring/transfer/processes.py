"""Processes that are measured: started, asked for their processor time and memory, and ended. Linux tells both."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from firmware.errors import WorkFailed

PATIENCE: Final = 120.0
_SCHEDULED: Final = 2
"""CPUCLOCK_SCHED of Linux: what the scheduler gave a process."""


def until(holds: Callable[[], bool], what: str, *, patience: float = PATIENCE, every: float = 0.01) -> None:
    """Nothing, as soon as `holds` does; it is asked after each `every` seconds.

    Raises:
        WorkFailed: it did not within `patience` seconds; `what` names it.
    """
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            raise WorkFailed(f"Waited {patience:.0f} s in vain for {what}.")
        time.sleep(every)


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, to the nanosecond; proc(5) tells it in steps of 10 ms.

    The clock is the one that clock_getcpuclockid(3) names; Python has no name for another process's.
    """
    return time.clock_gettime(~pid << 3 | _SCHEDULED)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds, in MB (10⁶ bytes).

    Attributes:
        rss: resident.
        pss: the same, what is shared counted by share.
        peak: the most that was ever resident.
    """

    rss: float
    pss: float
    peak: float


def memory_of(pid: int) -> Memory:
    """What a process holds now."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return Memory(_megabytes("Rss", rollup), _megabytes("Pss", rollup), _megabytes("VmHWM", status))


def _megabytes(name: str, text: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found is not None, f"Linux says {name}"
    return int(found[1]) * 1024 / 1e6


@dataclass
class Child:
    """A process of ours, until the block that it is used in ends.

    Args:
        command: what follows the interpreter.
        log: where it prints; where not given, its standard output is ours to read, and its errors are everybody's.
        environment: beside our own.
    """

    command: Sequence[str]
    log: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[str] = field(init=False, repr=False)

    def __enter__(self) -> Self:
        own = {name: value for name, value in os.environ.items() if not name.startswith("WARDLENS_")}
        log = os.open(self.log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
                [sys.executable, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log if self.log else subprocess.PIPE,
                stderr=log if self.log else None,
                text=True,
                env={**own, **self.environment},
            )
        finally:
            os.close(log)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def cpu(self) -> float:
        """Its processor time so far, in seconds."""
        return cpu_seconds(self.pid)

    def said(self) -> dict[str, Any]:
        """The next line of its standard output, as JSON.

        Raises:
            WorkFailed: it ended without one.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkFailed(f"{' '.join(self.command[:3])} ended without an answer.")
        answer: dict[str, Any] = json.loads(line)
        return answer
