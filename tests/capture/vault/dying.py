"""Runs a vault in a process that dies at one chosen step, or loses its power there.

    python dying.py SCENARIO MODE ENVELOPES OUT [--broken METHOD]

Forks one child for every step that SCENARIO has, each in a folder of its own under OUT, until one gets to the end. A
step is one call to the disk or one SQL statement; the child dies right before it. MODE "kill" leaves what the kernel
had; "names", "data" and "both" also lose what was not synced, as a power cut would: names that were not synced go back,
and data that was not synced is gone. What the child was told is in its folder's "told" file, one JSON line each.

--broken METHOD leaves out a call of the disk ("sync" or "sync_folder"), to prove that whoever judges the folders would
notice.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from capture.disk import RealFiles
from capture.envelope import parse_envelope
from capture.vault import Vault


class Power:
    """Counts steps and cuts at one of them."""

    def __init__(self, dies_before: int, mode: str) -> None:
        self.left = dies_before
        self.mode = mode
        self.unsynced: dict[int, Path] = {}
        self.undo: dict[Path, list[Callable[[], object]]] = {}

    def step(self) -> None:
        if self.left == 0:
            self.cut()
        self.left -= 1

    def cut(self) -> None:
        if self.mode in ("data", "both"):
            for descriptor in self.unsynced:
                os.ftruncate(descriptor, 0)
        if self.mode in ("names", "both"):
            for steps in self.undo.values():
                for undo in reversed(steps):
                    undo()
        os._exit(42)


class DyingFiles(RealFiles):
    """The real disk, one step at a time, remembering what was not synced."""

    def __init__(self, power: Power, broken: str) -> None:
        self.power = power
        self.broken = broken

    def make_folder(self, path: Path) -> None:
        self.power.step()
        if not path.exists():
            self._pending(path.parent, lambda: shutil.rmtree(path, ignore_errors=True))
        super().make_folder(path)

    def create(self, path: Path) -> int:
        self.power.step()
        descriptor = super().create(path)
        self.power.unsynced[os.dup(descriptor)] = path
        self._pending(path.parent, lambda: path.unlink(missing_ok=True))
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        self.power.step()
        super().write(descriptor, data[: len(data) // 2])
        self.power.step()
        super().write(descriptor, data[len(data) // 2 :])

    def sync(self, descriptor: int) -> None:
        self.power.step()
        if self.broken != "sync":
            super().sync(descriptor)
            inode = os.fstat(descriptor).st_ino
            for copy in [copy for copy in self.power.unsynced if os.fstat(copy).st_ino == inode]:
                del self.power.unsynced[copy]

    def close(self, descriptor: int) -> None:
        self.power.step()
        super().close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self.power.step()
        before = target.read_bytes() if target.exists() else None
        super().rename(source, target)

        def undo() -> None:
            if target.exists():
                target.rename(source)
            if before is not None:
                target.write_bytes(before)

        self._pending(target.parent, undo)

    def sync_folder(self, path: Path) -> None:
        self.power.step()
        if self.broken != "sync_folder":
            super().sync_folder(path)
            self.power.undo.pop(path, None)

    def unlink(self, path: Path) -> None:
        self.power.step()
        if path.exists():
            before = path.read_bytes()
            self._pending(path.parent, lambda: path.write_bytes(before) if path.parent.exists() else None)
        super().unlink(path)

    def _pending(self, folder: Path, undo: Callable[[], object]) -> None:
        self.power.undo.setdefault(folder, []).append(undo)


def counting_sqlite(power: Power) -> None:
    """Every SQL statement is a step too."""
    real = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, *args: Any) -> sqlite3.Cursor:
            power.step()
            return super().execute(*args)

    sqlite3.connect = lambda *args, **keywords: real(*args, factory=Connection, **keywords)


def whole_life(vault: Vault, envelopes: list[bytes], tell: Callable[..., None]) -> None:
    """Two are put; the first goes all the way."""
    for raw in envelopes[:2]:
        tell("counted", vault.next_counter())
        envelope = parse_envelope(raw)
        vault.put(envelope)
        tell("taken", envelope.capture, envelope.digest)
    first = parse_envelope(envelopes[0])
    vault.offered(first.capture)
    vault.receipted(first.capture, first.digest, b"receipt")
    tell("receipted", first.capture)
    vault.erase(first.capture)
    tell("erased", first.capture)


def rebuilding(vault: Vault, envelopes: list[bytes], tell: Callable[..., None]) -> None:
    """Two are put, the first is parked, and the queue is made anew."""
    for raw in envelopes[:2]:
        tell("counted", vault.next_counter())
        envelope = parse_envelope(raw)
        vault.put(envelope)
        tell("taken", envelope.capture, envelope.digest)
    vault.rebuild()
    tell("rebuilt")
    tell("counted", vault.next_counter())


SCENARIOS = {"whole-life": whole_life, "rebuilding": rebuilding}


def child(folder: Path, asked: argparse.Namespace, dies_before: int) -> None:
    """One life, ended before a step or after the last."""
    told = os.open(folder / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(*words: object) -> None:
        os.write(told, (json.dumps(words) + "\n").encode())

    envelopes = [path.read_bytes() for path in sorted(Path(asked.envelopes).iterdir())]
    power = Power(dies_before, asked.mode)
    counting_sqlite(power)
    vault = Vault(folder / "vault", reserve_bytes=0, files=DyingFiles(power, asked.broken))
    tell("opened")
    SCENARIOS[asked.scenario](vault, envelopes, tell)
    tell("end")
    power.cut()


def main() -> None:
    """One child for every step."""
    parser = argparse.ArgumentParser()
    for name in ("scenario", "mode", "envelopes", "out"):
        parser.add_argument(name)
    parser.add_argument("--broken", default="")
    asked = parser.parse_args()
    for step in range(1000):
        folder = Path(asked.out) / f"{step:03}"
        folder.mkdir()
        pid = os.fork()
        if pid == 0:
            try:
                child(folder, asked, step)
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != 42:
            sys.exit(f"step {step}: the child did not end as it should")
        told = folder / "told"
        if told.exists() and '["end"]' in told.read_text():
            return
    sys.exit("the scenario has no end")


if __name__ == "__main__":
    main()
