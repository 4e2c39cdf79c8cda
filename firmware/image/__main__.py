"""`make image`: the image of a device's disk, with its list of materials."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import version as version_of
from pathlib import Path

from firmware.image.debian import PROJECT, CannotRun, check_host
from firmware.image.disk import SLOT_BYTES, make_disk, make_system_file
from firmware.image.system import files_with_rights, make_system


def main() -> int:
    """The exit status; 1 with a sentence if no image can be made here."""
    asked = argparse.ArgumentParser(
        prog="make image", description="Make the image of a ward device's disk (amd64, EFI)."
    )
    asked.add_argument("--out", type=Path, default=PROJECT / "build" / "image", help="folder for what is made")
    asked.add_argument(
        "--version", default=version_of("wardlens"), help="of the system; the project's, if it is not said"
    )
    asked.add_argument("--layer", type=Path, action="append", default=[], metavar="FOLDER",
                       help="files put over the system's; again for more")  # fmt: skip
    asked.add_argument("--system-only", action="store_true", help="no disk: what an update brings")
    given = asked.parse_args()
    try:
        check_host("image")
        _make(given.out.absolute(), given.version, given.layer, system_only=given.system_only)
    except CannotRun as cannot:
        sys.stderr.write(f"make image cannot run: {cannot}\n")
        return 1
    return 0


def _make(out: Path, version: str, layers: list[Path], *, system_only: bool) -> None:
    models = Path(os.environ.get("WARDLENS_MODELS") or Path(sys.prefix) / "share/wardlens/models")
    if not any(models.glob("*.onnx")):
        raise CannotRun(f"there are no models in {models}. Run: make setup")
    began, epoch = time.monotonic(), _epoch()
    out.mkdir(parents=True, exist_ok=True)
    root, name = out / "root", f"wardlens-{version}-amd64"
    shutil.rmtree(root, ignore_errors=True)
    materials = make_system(root, version=version, models=models, layers=layers, epoch=epoch, slot_bytes=SLOT_BYTES)
    (out / f"{name}.cdx.json").write_bytes(materials.cyclonedx())
    system = out / f"{name}.squashfs"
    make_system_file(root, system, epoch)
    rights = list(files_with_rights(root))
    shutil.rmtree(root)
    made = {"version": version, "system_bytes": system.stat().st_size, "materials": len(materials.components),
            "files_with_rights": rights}  # fmt: skip
    if not system_only:
        disk = out / f"{name}.img"
        make_disk(system, disk, epoch, name)
        made["disk_bytes"] = disk.stat().st_blocks * 512
    made["seconds"] = round(time.monotonic() - began)
    sys.stdout.write(json.dumps(made) + "\n")


def _epoch() -> int:
    """The time of the commit that is built: no file of the system is younger."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    told = subprocess.run(
        ["git", "-C", str(PROJECT), "log", "-1", "--format=%ct"], check=False, capture_output=True, text=True
    )
    if told.returncode:
        raise CannotRun("this is no git checkout, so the time of its commit is not known. Set SOURCE_DATE_EPOCH.")
    return int(told.stdout)


if __name__ == "__main__":
    sys.exit(main())
