"""Machines with two slots, as far as a device's update meets them: a boot loader that counts, and a Raspberry Pi's."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from firmware.bundles import make_bundle
from firmware.health import FILE as HEALTH
from firmware.image.boards import BOARDS
from firmware.settings import Settings
from firmware.updating import Machine, after_boot, install_ordered
from provisioning.updates import Version

PROJECT = Path(__file__).parents[3]
STANDINS = Path(__file__).parent / "standins"
OLD, NEW, NEWER = "2026.40.0", "2026.48.1", "2026.48.2"
COMPATIBLE = "wardlens-test"


class Vendor:
    """Who makes bundles: a key, its certificate, and a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        asked = ["-keyout", self.key, "-out", self.certificate, "-subj", "/CN=Wardlens releases", "-days", "30"]
        subprocess.run([*made, *asked], check=True, capture_output=True)

    def bundle(self, version: str, *, size: int = 2_500_000) -> Path:
        image = self.folder / "root.img"
        image.write_bytes(secrets.token_bytes(size))
        path = self.folder / f"{version}-{secrets.token_hex(4)}.raucb"
        key, certificate = str(self.key), str(self.certificate)
        make_bundle(
            image, path, version=Version.parse(version), compatible=COMPATIBLE, key=key, certificate=certificate
        )
        return path


GRUB = """
set() { declare -g "$1"; }
search() { efi=efi; }
regexp() { disk=hd0; }
load_env() { shift 2; for name; do kept="KEPT_$name"; declare -g "$name=${!kept}"; done; }
save_env() { shift 2; for name; do echo "$name=${!name}"; done; }
linux() { for word; do case "$word" in rauc.slot=*) kernel="${word#*=}" ;; esac; done; }
initrd() { :; }
boot() { case " $READABLE " in *" $kernel "*) echo "$kernel"; exit ;; esac; }
reboot() { exit 1; }
"""
"""GRUB's commands, as far as our grub.cfg calls them, for bash: which understands the rest of it as GRUB does."""


def grub(kept: dict[str, str], readable: list[str]) -> tuple[dict[str, str], str]:
    """What `grubenv` holds once our own grub.cfg has run, and the slot whose kernel it started; none if it gave up."""
    text = (BOARDS["amd64"].folder / "loader" / "grub.cfg").read_text("ascii")
    given = {f"KEPT_{name}": value for name, value in kept.items()} | {"READABLE": " ".join(readable)}
    script = GRUB + text.replace("($efi)", "$efi")
    done = subprocess.run(["/bin/bash", "-c", script], check=False, capture_output=True, text=True, env=given)
    assert not done.stderr, done.stderr
    said = [line.partition("=") for line in done.stdout.splitlines()]
    started = [name for name, equals, _ in said if not equals]
    return kept | {name: value for name, equals, value in said if equals}, "".join(started)


@dataclass
class World:
    """The machine around one device: its slots in a file, its boot, its clock, and whether a new system is well."""

    folder: Path
    settings: Settings
    clock: float = 0.0
    well: bool = True
    dead: set[str] = field(default_factory=set)
    tries: ClassVar[bool] = True
    """Whether a system that was just installed starts by itself, after a power cut too."""

    @classmethod
    def made(cls, folder: Path, state: Path, vendor: Vendor, rauc: Path) -> Self:
        folder.mkdir()
        keyring = f"[system]\ncompatible={COMPATIBLE}\nbootloader=noop\n[keyring]\npath={vendor.certificate}\n"
        (folder / "system.conf").write_text(keyring)
        update = {
            "release": folder / "release",
            "system": folder / "system.conf",
            "room_megabytes": 1,
            "trial_minutes": 1,
        }
        settings = Settings(state=state, runtime=state.parent / "run", update=update)  # type: ignore[arg-type]
        world = cls(folder, settings)
        slots = {"A": {"version": OLD}, "B": {"version": ""}}
        kept = {"ORDER": "A B", "A_OK": "1", "B_OK": "0", "A_TRY": "0", "B_TRY": "0"}
        fresh = {"booted": "A", "grubenv": kept, "slots": slots, "rauc": str(rauc), "bootloader": ""}
        world.file.write_text(
            json.dumps(
                fresh | {"cut": "", "broken": False, "refuses": "", "services": {}, "restarts": 0, "installs": 0}
            )
        )
        world.boot()
        return world

    @property
    def file(self) -> Path:
        return self.folder / "machine.json"

    @property
    def now(self) -> dict[str, Any]:
        return json.loads(self.file.read_text())  # type: ignore[no-any-return]

    def change(self, **changes: Any) -> None:
        self.file.write_text(json.dumps(self.now | changes))

    @property
    def runs(self) -> str:
        return (self.folder / "release").read_text().strip()

    @property
    def machine(self) -> Machine:
        return Machine(self.settings.update.system, self.folder / "boot-id")

    def boot(self) -> None:
        """GRUB starts a slot and counts; a kernel that panics is one more start."""
        now = self.now
        written = {slot: row["version"] for slot, row in now["slots"].items() if row["version"]}
        kept, slot = grub(now["grubenv"], list(written))
        if not slot:
            raise AssertionError("no slot starts: the device is a brick")
        self.change(grubenv=kept)
        if written[slot] in self.dead:
            self.boot()
        else:
            self._booted(slot)

    def _booted(self, slot: str) -> None:
        self.change(booted=slot)
        (self.folder / "boot-id").write_text(secrets.token_hex(8))
        (self.folder / "release").write_text(self.now["slots"][slot]["version"] + "\n")
        (self.settings.state / HEALTH).unlink(missing_ok=True)

    def never_starts(self, slot: str) -> bool:
        """Whether the boot loader was told to leave that slot alone."""
        return self.now["grubenv"][f"{slot}_OK"] == "0"  # type: ignore[no-any-return]

    def install(self) -> None:
        install_ordered(self.settings, self.machine)

    def trial(self) -> None:
        after_boot(self.settings, self.machine, monotonic=lambda: self.clock, wait=self._later)

    def _later(self, seconds: float) -> None:
        self.clock += seconds
        if self.well:
            health = self.settings.state / HEALTH
            health.parent.mkdir(exist_ok=True)
            health.write_text('{"models": {}, "self_test": {"phantom": "passed"}, "self_test_at_ms": 1}')

    def restarts_asked(self) -> int:
        return int(self.now["restarts"])


class Pi(World):
    """A Raspberry Pi: its firmware reads `autoboot.txt`, and has a flag for one restart that a power cut clears."""

    tries = False

    @property
    def autoboot(self) -> Path:
        return self.folder / "autoboot.txt"

    @property
    def machine(self) -> Machine:
        return Machine(self.settings.update.system, self.folder / "boot-id", self.folder / "bootloader")

    def boot(self) -> None:
        """As the firmware's documentation says it, read by none of our own code."""
        if not self.autoboot.exists():
            self._delivered()
        tried = self.now.get("flag", "") == "0 tryboot"
        self.change(flag="", argument="")
        section, found = "", {}
        for line in self.autoboot.read_text().splitlines():
            if line.startswith("["):
                section = line
            elif not line.startswith("#"):
                found[section, line.partition("=")[0]] = line.partition("=")[2]
        assert found["[all]", "tryboot_a_b"] == "1"
        slot = {"2": "A", "3": "B"}[found["[tryboot]" if tried else "[all]", "boot_partition"]]
        version = self.now["slots"][slot]["version"]
        if version and version not in self.dead:
            (self.folder / "cmdline").write_text(f"quiet rauc.slot={slot} ro\n")
            self._booted(slot)
        elif tried:
            self.boot()  # the watchdog ends it, or somebody pulls the plug
        else:
            raise AssertionError("the first system does not start: the device is a brick")

    def never_starts(self, slot: str) -> bool:
        told = subprocess.run([self.folder / "bootloader", "get-state", slot], check=True, capture_output=True)
        return told.stdout == b"bad\n"

    def _delivered(self) -> None:
        shutil.copyfile(BOARDS["arm64"].folder / "loader" / "autoboot.txt", self.autoboot)
        program = self.folder / "bootloader"
        program.write_text(backend(self.folder))
        program.chmod(0o755)
        self.change(bootloader=str(program))


def backend(folder: Path) -> str:
    """The Raspberry Pi's own program that RAUC asks, for the files in `folder`."""
    return (
        f"#!{sys.executable} -IS\nimport sys\nfrom pathlib import Path\nsys.path.insert(0, {str(PROJECT)!r})\n"
        f"from firmware.tryboot import main\nhere = Path({str(folder)!r})\n"
        "sys.exit(main(sys.argv[1:], here / 'autoboot.txt', here / 'cmdline'))\n"
    )


def without_signature_byte(bundle: Path) -> None:
    """One bit of the bundle's manifest is another."""
    raw = bytearray(bundle.read_bytes())
    at = raw.rindex(b"verity-hash=") + 12
    raw[at] = ord("0") if raw[at] != ord("0") else ord("1")
    bundle.write_bytes(raw)


def copy_of(bundle: Path) -> Path:
    """Another file with the same bytes."""
    copy = bundle.with_name(f"copy-{secrets.token_hex(4)}.raucb")
    shutil.copyfile(bundle, copy)
    return copy
