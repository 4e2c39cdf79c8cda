"""Child processes that end when their parent does: started, waited for until ready, watched, and stopped in time."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from firmware.errors import WorkFailed
from firmware.stopping import interruptions_ignored

_PR_SET_PDEATHSIG: Final = 1
_POLL_SECONDS: Final = 0.02


def end_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies, however it dies: prctl(2)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Child:
    """A process under supervision.

    Attributes:
        name: what it is called in messages.
        process: the running process.
        log: the file that takes what it prints.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def last_words(self, lines: int = 4) -> str:
        """The last lines that it printed."""
        try:
            return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return ""


@dataclass(slots=True)
class Supervisor:
    """Owns child processes for as long as a `with` block lasts.

    Attributes:
        logs: folder of one log file a child.
        grace_seconds: how long children may take to end by themselves.
    """

    logs: Path
    grace_seconds: float = 2.0
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with interruptions_ignored():
            self.stop()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start a child in a session of its own, so that Ctrl-C reaches only us and we end it in order."""
        log = self.logs / f"{name}.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - started before this process has threads
            )
        child = Child(name, process, log)
        self.children.append(child)
        return child

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait until `ready()`; meanwhile every child must keep running.

        Raises:
            WorkFailed: a child ended, or the time ran out.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise WorkFailed(f"{what} did not come up within {seconds:g} s. The logs are in {self.logs}.")
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """See that every child still runs.

        Raises:
            WorkFailed: one ended by itself.
        """
        for child in self.children:
            if not child.running:
                raise WorkFailed(
                    f"The {child.name} process ended by itself (status {child.process.returncode}). It said last:\n"
                    f"{child.last_words()}"
                )

    def stop(self) -> None:
        """End every child, the last one started first; after `grace_seconds` by force."""
        running = [child for child in reversed(self.children) if child.running]
        for child in running:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + self.grace_seconds
        for child in running:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()
        self.children.clear()


def _signal(child: Child, number: signal.Signals) -> None:
    try:
        os.killpg(child.process.pid, number)
    except ProcessLookupError:
        child.process.poll()
