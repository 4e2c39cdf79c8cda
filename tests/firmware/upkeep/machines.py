"""A machine with two slots and a bootloader that counts starts, as far as a device's update meets it."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware.bundles import make_bundle
from firmware.health import FILE as HEALTH
from firmware.settings import Settings
from firmware.updating import Machine, after_boot, install_ordered
from provisioning.updates import Version

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


@dataclass
class World:
    """The machine around one device: its slots in a file, its boot, its clock, and whether a new system is well."""

    folder: Path
    settings: Settings
    clock: float = 0.0
    well: bool = True
    dead: set[str] = field(default_factory=set)

    @classmethod
    def made(cls, folder: Path, state: Path, vendor: Vendor, rauc: Path) -> World:
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
        slots = {"A": {"version": OLD, "left": None}, "B": {"version": "", "left": 0}}
        fresh = {"booted": "A", "primary": "A", "slots": slots, "rauc": str(rauc)}
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
        """The bootloader starts the primary slot, or the other one where that has no start left or does not start."""
        now = self.now
        for slot in (now["primary"], "B" if now["primary"] == "A" else "A"):
            row = now["slots"][slot]
            if row["version"] and row["left"] != 0 and row["version"] not in self.dead:
                row["left"] = None if row["left"] is None else row["left"] - 1
                break
        else:
            raise AssertionError("no slot starts: the device is a brick")
        self.change(booted=slot, slots=now["slots"])
        (self.folder / "boot-id").write_text(secrets.token_hex(8))
        (self.folder / "release").write_text(row["version"] + "\n")
        (self.settings.state / HEALTH).unlink(missing_ok=True)

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
