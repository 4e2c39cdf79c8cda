"""Every call that we make of RAUC, made of the real one: its service on a D-Bus of its own, two files as slots.

The bootloader is a script that writes down what RAUC tells it. Installing needs dm-verity, which few machines have.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware.image.boards import BOARDS
from firmware.tryboot import Choice, Other, Slot, parse_choice
from firmware.updating.programs import BOOTLOADER as BOOTLOADER_PROGRAM
from firmware.updating.programs import Machine, ProgramFailed
from provisioning.updates import Version
from tests.firmware.upkeep.machines import COMPATIBLE, NEW, Vendor, backend, copy_of, without_signature_byte

SIZE = 4 * 1024 * 1024
SYSTEM = """[system]
compatible={compatible}
bootloader=custom
statusfile={folder}/status
bundle-formats=verity
[keyring]
path={keyring}
[handlers]
bootloader-custom-backend={folder}/bootloader
[slot.rootfs.0]
device={folder}/a.img
type=raw
bootname=A
[slot.rootfs.1]
device={folder}/b.img
type=raw
bootname=B
"""
BOOTLOADER = """#!/bin/sh
echo "$@" >>{folder}/told
case "$1" in get-primary) echo A ;; get-state) echo good ;; esac
"""


@dataclass
class RealRauc:
    """A machine whose slot A runs."""

    folder: Path
    machine: Machine
    vendor: Vendor

    def told(self) -> list[str]:
        """What the bootloader was told to do, not what it was asked."""
        return [line for line in (self.folder / "told").read_text().splitlines() if line.startswith("set-")]


@pytest.fixture
def real(tmp_path: Path, program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[RealRauc]:
    vendor = Vendor(tmp_path / "vendor")
    system = SYSTEM.format(compatible=COMPATIBLE, folder=tmp_path, keyring=vendor.certificate)
    with running(
        tmp_path,
        text=system,
        bootloader=BOOTLOADER.format(folder=tmp_path),
        vendor=vendor,
        program=program,
        monkeypatch=monkeypatch,
    ) as made:
        yield made


@pytest.fixture
def pi(tmp_path: Path, program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[RealRauc]:
    """With a Raspberry Pi's own configuration and backend, at other places."""
    vendor, board = Vendor(tmp_path / "vendor"), BOARDS["arm64"]
    system = (board.folder / "root/etc/rauc/system.conf").read_text("utf-8")
    for place, here in {
        "/dev/disk/by-partlabel/wardlens-": f"{tmp_path}/",
        "data-directory=/var/lib/rauc": f"statusfile={tmp_path}/status",
        str(BOOTLOADER_PROGRAM): f"{tmp_path}/bootloader",
        "/etc/rauc/keyring.pem": str(vendor.certificate),
    }.items():
        assert place in system
        system = system.replace(place, here)
    shutil.copyfile(board.folder / "loader/autoboot.txt", tmp_path / "autoboot.txt")
    (tmp_path / "cmdline").write_text("quiet rauc.slot=A ro\n")
    with running(
        tmp_path, text=system, bootloader=backend(tmp_path), vendor=vendor, program=program, monkeypatch=monkeypatch
    ) as made:
        yield made


@contextmanager
def running(
    tmp_path: Path, *, vendor: Vendor, program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, text: str,
    bootloader: str,
) -> Iterator[RealRauc]:  # fmt: skip
    """RAUC's service on a bus of its own."""
    rauc, bus = program("rauc"), program("dbus-daemon")
    program("openssl")
    system = tmp_path / "system.conf"
    system.write_text(text)
    (tmp_path / "bootloader").write_text(bootloader)
    (tmp_path / "bootloader").chmod(0o755)
    for slot in ("a", "b", "boot-a", "boot-b"):
        (tmp_path / f"{slot}.img").write_bytes(bytes(SIZE))
    daemon = subprocess.Popen(
        [bus, "--session", "--nofork", "--nopidfile", "--print-address=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert daemon.stdout is not None
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", daemon.stdout.readline().strip())
    monkeypatch.setenv("DBUS_STARTER_BUS_TYPE", "session")
    monkeypatch.setenv("PATH", f"{rauc.parent}:{os.environ['PATH']}")
    service = subprocess.Popen(
        [rauc, f"--conf={system}", "--override-boot-slot=A", f"--mount={tmp_path}/mnt", "service"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        made = RealRauc(tmp_path, Machine(system, bootloader=tmp_path / "bootloader"), vendor)
        wait_until_it_answers(made.machine)
        (tmp_path / "told").write_text("")
        yield made
    finally:
        for process in (service, daemon):
            process.terminate()
            process.communicate()


def wait_until_it_answers(machine: Machine) -> None:
    moment = threading.Event()
    for _ in range(200):
        try:
            machine.slot()
        except ProgramFailed:
            moment.wait(0.05)
        else:
            return
    raise AssertionError("RAUC's service did not come up")


def test_rauc_says_which_slot_runs_and_takes_our_marks(real: RealRauc) -> None:
    assert real.machine.slot() == "A"
    real.machine.mark_good()
    real.machine.mark_bad("other")
    real.machine.mark_good("other")
    real.machine.mark_bad()
    assert real.told() == ["set-state A good", "set-state B bad", "set-state B good", "set-state A bad"]


def test_rauc_believes_what_the_keyring_does_and_says_why_not(real: RealRauc, tmp_path: Path) -> None:
    bundle = real.vendor.bundle(NEW, size=100_000)
    assert real.machine.version_of(bundle) == Version.parse(NEW)
    altered = copy_of(bundle)
    without_signature_byte(altered)
    foreign = Vendor(tmp_path / "stranger").bundle(NEW, size=100_000)
    for wrong in (altered, foreign):
        with pytest.raises(ProgramFailed, match=r"(?i)signature"):
            real.machine.version_of(wrong)
        with pytest.raises(ProgramFailed, match=r"(?i)signature"):
            real.machine.install(wrong)
    assert real.told() == []


def test_rauc_installs_into_the_other_slot_and_has_it_start_next(real: RealRauc) -> None:
    bundle = real.vendor.bundle(NEW, size=SIZE // 2)
    try:
        real.machine.install(bundle)
    except ProgramFailed as failed:
        if "mount" in str(failed):
            pytest.skip(f"hardware: no bundle can be mounted here: {failed}")
        raise
    image = (real.vendor.folder / "root.img").read_bytes()
    assert (real.folder / "b.img").read_bytes()[: len(image)] == image
    assert (real.folder / "a.img").read_bytes() == bytes(SIZE)
    assert real.told() == ["set-state B bad", "set-primary B"]


def test_rauc_and_a_pis_backend_understand_each_other(pi: RealRauc) -> None:
    def choice() -> Choice:
        return parse_choice((pi.folder / "autoboot.txt").read_text())

    def rauc(*words: str) -> str:
        told = subprocess.run(
            ["rauc", f"--conf={pi.machine.system}", *words], check=True, capture_output=True, text=True
        )
        return told.stdout

    assert pi.machine.slot() == "A"
    pi.machine.mark_good()
    assert choice() == Choice(Slot.A, Other.BAD)
    rauc("status", "mark-active", "other")
    assert choice() == Choice(Slot.A, Other.WAITS)
    status = json.loads(rauc("status", "--output-format=json"))
    assert status["boot_primary"] == "rootfs.1"
    slots = {name: slot for one in status["slots"] for name, slot in one.items()}
    assert {name: slots[name]["parent"] for name in slots} == {
        "rootfs.0": None, "boot.0": "rootfs.0", "rootfs.1": None, "boot.1": "rootfs.1",
    }  # fmt: skip
    assert pi.machine.trial_waits()
    pi.machine.mark_bad("other")
    assert choice() == Choice(Slot.A, Other.BAD)
    assert not pi.machine.trial_waits()
    with pytest.raises(ProgramFailed, match="Failed marking slot"):
        pi.machine.mark_bad()
    assert choice() == Choice(Slot.A, Other.BAD), "the only system there is stays"


def test_a_rauc_that_is_not_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramFailed, match="rauc cannot be run"):
        Machine(tmp_path / "system.conf").slot()
