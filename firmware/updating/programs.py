"""The programs that an update needs: RAUC, which knows the slots and its own signatures, and systemd. A shell.

Where a machine's boot loader tries a system only when the restart says so, that one is asked too: `firmware.tryboot`.
Every call of any is in this file.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from firmware.errors import WorkFailed
from provisioning.updates import Version

BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
BOOTLOADER: Final = Path("/usr/lib/wardlens/bootloader")
"""Only on a machine whose image has a boot loader backend of ours; RAUC runs the same program."""
SERVICES: Final = ("wardlens-camera.service", "wardlens-sync.service", "wardlens-panel.service")
_ASKING_SECONDS: Final = 120.0
_LOGIND: Final = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
_WHY: Final = "LastError: "
"""What `rauc install` puts before the reason, among its lines of progress."""


class ProgramFailed(WorkFailed):
    """A program said no. The text is the last thing that it said."""


@dataclass(frozen=True, slots=True)
class Service:
    """How systemd sees one of our services: whether it runs, and how often it was started again."""

    active: bool
    restarts: int


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that runs: its slots, its services, its boot.

    Attributes:
        system: RAUC's configuration, which names slots, bootloader and keyring.
        boot: where the kernel names this boot.
        bootloader: the boot loader's program, on a machine that has one.
    """

    system: Path
    boot: Path = BOOT
    bootloader: Path = BOOTLOADER

    def boot_id(self) -> str:
        """What the kernel calls this boot; another one after each start."""
        return self.boot.read_text(encoding="ascii").strip()

    def version_of(self, bundle: Path) -> Version:
        """The version of a bundle whose signature RAUC has verified by its keyring.

        Raises:
            ProgramFailed: RAUC does not believe it, or it has no version of ours.
        """
        told = self._rauc("info", "--output-format=json", str(bundle))
        try:
            return Version.parse(_field(told, "version"))
        except ValueError as error:
            raise ProgramFailed(f"The bundle has no version of ours: {error}") from error

    def install(self, bundle: Path) -> None:
        """The bundle is in the other slot, which starts next; waited for without an end, as RAUC goes on without us.

        Raises:
            ProgramFailed: it is not; the slot that runs is as it was.
        """
        self._rauc("install", str(bundle), seconds=None)

    def slot(self) -> str:
        """What RAUC calls the slot that runs.

        Raises:
            ProgramFailed: it does not say.
        """
        try:
            return _field(self._rauc("status", "--output-format=json"), "booted")
        except ValueError as error:
            raise ProgramFailed("RAUC does not say which slot runs.") from error

    def mark_good(self, which: Literal["booted", "other"] = "booted") -> None:
        """The slot that runs stays, or the other one is started again.

        Raises:
            ProgramFailed: RAUC says no.
        """
        self._rauc("status", "mark-good", which)

    def mark_bad(self, which: Literal["booted", "other"] = "booted") -> None:
        """The slot that runs, or the other one, is not started again.

        Raises:
            ProgramFailed: RAUC says no.
        """
        self._rauc("status", "mark-bad", which)

    def services(self) -> Mapping[str, Service]:
        """Each of our services.

        Raises:
            ProgramFailed: systemd does not say.
        """
        told = _run(("systemctl", "show", "--property=Id,ActiveState,NRestarts", *SERVICES), _ASKING_SECONDS)
        found = {}
        for block in told.split("\n\n"):
            said = dict(line.partition("=")[::2] for line in block.splitlines())
            restarts = said.get("NRestarts", "")
            found[said.get("Id", "")] = Service(
                said.get("ActiveState") == "active", int(restarts) if restarts.isdecimal() else 0
            )
        return {name: found.get(name, Service(active=False, restarts=0)) for name in SERVICES}

    def trial_waits(self) -> bool:
        """Whether a new system was installed that no restart has tried yet, and none does unless it is told to.

        Raises:
            ProgramFailed: the boot loader's program does not say.
        """
        return bool(self._trial())

    def reboot(self) -> None:
        """The machine starts anew, soon: into the new system, where one waits for its trial.

        Raises:
            ProgramFailed: systemd or the boot loader's program says no.
        """
        if argument := self._trial():
            _run(("busctl", "call", *_LOGIND, "SetRebootParameter", "s", argument), _ASKING_SECONDS)
            self._loader("begin")
        _run(("systemctl", "reboot"), _ASKING_SECONDS)

    def _trial(self) -> str:
        """The argument of the restart that tries a new system; empty where none waits, or each restart starts it."""
        return self._loader("trial").strip() if self.bootloader.exists() else ""

    def _loader(self, word: str) -> str:
        return _run((str(self.bootloader), word), _ASKING_SECONDS)

    def _rauc(self, *words: str, seconds: float | None = _ASKING_SECONDS) -> str:
        return _run(("rauc", f"--conf={self.system}", *words), seconds)


def _run(command: Sequence[str], seconds: float | None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own words and a path of ours, no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProgramFailed(f"{command[0]} did not end within {error.timeout:.0f} s.") from error
    except OSError as error:
        raise ProgramFailed(f"{command[0]} cannot be run: {error.strerror}.") from error
    told, errors = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    if done.returncode != 0:
        why = [line for line in told.splitlines() if line.startswith(_WHY)] or errors.splitlines()
        said = next((line for line in reversed(why) if line.strip()), f"status {done.returncode}")
        raise ProgramFailed(f"{command[0]}: {said.removeprefix(_WHY).strip()}")
    return told


def _field(told: str, name: str) -> str:
    """A text field of a JSON object.

    Raises:
        ValueError: it is not there.
    """
    try:
        said = json.loads(told)
    except RecursionError as error:
        raise ValueError("not JSON") from error
    value = said.get(name) if isinstance(said, dict) else None
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {name}")
    return value
