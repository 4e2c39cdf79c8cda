"""Faults at system calls, by strace: which there are, a fair part of them, and one process under one of them."""

from __future__ import annotations

import random
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

# The "?" lets strace pass over what an architecture does not have.
WRITES = ("?rename", "?renameat", "?renameat2", "?unlink", "?unlinkat", "?mkdir", "?mkdirat", "?chmod", "?fchmodat")
CALLS = (*WRITES, "openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fchmod", "read", "pread64")
CALLS += ("flock", "fcntl", "close", "lseek", "newfstatat", "statfs", "connect", "sendto", "recvfrom", "getdents64")
"""Where a process is killed: what changes the disk, what reads it, and what speaks to the network."""

NO_SPACE = frozenset(
    {"openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "renameat", "renameat2", "mkdir"}
)
BROKEN_DISK = NO_SPACE | {"read", "pread64", "unlink", "unlinkat", "newfstatat", "statfs", "getdents64"}

WHOLE = 16 * 1024 * 1024
"""More bytes than any call of a service takes."""

_MADE = re.compile(r'openat\([^"]*"([^"]+)", [^)]*O_CREAT')
_LINE = re.compile(r"^(\d+) +(\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a service at one system call.

    Attributes:
        role: the service.
        call: the system call.
        nth: which one of it, from the service's start, in whichever thread gets there first.
        action: "KILL", before the call; or the error that the call gives instead of being made.
    """

    role: str
    call: str
    nth: int
    action: str

    @property
    def inject(self) -> str:
        what = "signal=KILL" if self.action == "KILL" else f"error={self.action}"
        return f"inject={self.call}:{what}:when={self.nth}"


def names(calls: tuple[str, ...]) -> str:
    return ",".join(calls)


def counted(trace: Path) -> Counter[str]:
    """How often the busiest thread made each system call."""
    by_thread = Counter(_LINE.findall(trace.read_text(errors="replace")))
    most: Counter[str] = Counter()
    for (_, call), times in by_thread.items():
        most[call] = max(most[call], times)
    return most


def made(trace: Path) -> set[str]:
    """Every file that was opened to be made."""
    return set(_MADE.findall(trace.read_text(errors="replace")))


def possible(role: str, counts: Counter[str]) -> dict[tuple[str, str], list[Fault]]:
    """Every fault of a service, by action and system call."""
    found = {}
    for call, times in sorted(counts.items()):
        for action, calls in (("KILL", counts.keys()), ("ENOSPC", NO_SPACE), ("EIO", BROKEN_DISK)):
            if call in calls:
                found[action, call] = [Fault(role, call, nth, action) for nth in range(1, times + 1)]
    return found


def a_part(groups: dict[tuple[str, str], list[Fault]], number: int, seed: str) -> list[Fault]:
    """`number` faults, spread evenly over the groups and over each group's length; again from the start if need be."""
    chance = random.Random(seed)
    order = sorted(groups)
    chance.shuffle(order)
    chosen: list[Fault] = []
    left: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    while len(chosen) < number:
        for group in order:
            if not left[group]:
                left[group] = chance.sample(groups[group], len(groups[group]))
            chosen.append(left[group].pop())
    return chosen[:number]


def traced(pid: int, trace: Path, fault: Fault | None) -> AbstractContextManager[None]:
    """strace has hold of this process and of every thread it starts; with `fault`, that happens to it once."""
    watched = ("-e", f"trace={names(CALLS)}") if fault is None else ("-e", f"trace={fault.call}", "-e", fault.inject)
    return _strace(pid, trace, "-s", "0", *watched)


def recorded(pid: int, trace: Path, calls: tuple[str, ...]) -> AbstractContextManager[None]:
    """The same, with every byte of these calls and the files behind their descriptors, all in hexadecimal."""
    return _strace(pid, trace, "-y", "-xx", "-s", str(WHOLE), "-e", f"trace={names(calls)}")


@contextmanager
def _strace(pid: int, trace: Path, *options: str) -> Iterator[None]:
    command = ["strace", "-f", "-qq", *options, "-o", str(trace), "-p", str(pid)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as strace:
        try:
            yield
        finally:
            # It detaches and ends by itself once what it traces has ended.
            strace.wait(30)


def happened(trace: Path) -> bool:
    """Whether an error was given in place of a system call."""
    return "(INJECTED)" in trace.read_text(errors="replace")
