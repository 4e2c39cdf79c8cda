"""`make image` and `make bundle`: the image of a device's disk, and what updates one, with their list of materials."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final

from firmware.bundles import make_bundle
from firmware.errors import WorkFailed
from firmware.image.boards import BOARDS, Board, Content
from firmware.image.debian import PROJECT, CannotRun, check_host
from firmware.image.disk import make_boot_file, make_disk, make_system_file
from firmware.image.signing import UpdateKey, development_key, keyring_until
from firmware.image.system import files_with_rights, make_system
from provisioning.updates import Version

_EPILOG: Final = """
Without --keyring, a key for development is made in the folder: a device that trusts it can be given any system by
whoever has that folder. For devices that patients meet, keep your own key in a token or off this machine.

A Raspberry Pi (arm64) starts with Raspberry Pi's own kernel and firmware, and with its libcamera. Debian has none of
them: --packages-from names a file for apt with the archive that has, and the key that signs it. Without it the disk is
made all the same, and does not start.
"""
_LONG_ENOUGH: Final = timedelta(days=5 * 365)
_SHORT: Final = """\
Devices with this image take no update after {until:%Y-%m-%d}, when {keyring} ends, so none that brings a longer one.
Make it last: openssl req -x509 -days 3650 …
"""
_NO_KERNEL: Final = "{what} does not start: it has no kernel. --packages-from names the archive with {packages}."


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made, for which machine, and where."""

    board: Board
    sources: tuple[Path, ...]
    out: Path
    version: Version
    layers: tuple[Path, ...]
    bundle: bool
    key: UpdateKey


def main() -> int:
    """The exit status; 1 with a sentence if nothing can be made here, 2 if what was asked is wrong."""
    asked = argparse.ArgumentParser(
        prog="make image",
        description="Make the image of a ward device's disk.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    machines = ", ".join(f"{board.architecture}: {board.starts_by}" for board in BOARDS.values())
    asked.add_argument("--architecture", choices=BOARDS, default="amd64", help=f"of the machine ({machines})")
    asked.add_argument(
        "--packages-from", type=Path, action="append", default=[], metavar="FILE.sources",
        help="another archive than Debian's, for apt; repeatable",
    )  # fmt: skip
    asked.add_argument("--out", type=Path, default=PROJECT / "build" / "image", help="folder for what is made")
    asked.add_argument("--version", default=version_of("wardlens"), help="of the system, three numbers: 2026.48.1")
    asked.add_argument(
        "--layer", type=Path, action="append", default=[], help="files put over the system's; repeatable"
    )
    asked.add_argument("--bundle", action="store_true", help="make what updates a device instead")
    asked.add_argument("--keyring", type=Path, help="certificate of the authority whose updates the device takes")
    asked.add_argument("--key", help="that signs the bundle: a PEM file or a PKCS#11 URL")
    asked.add_argument("--certificate", help="of that key, the same")
    given = asked.parse_args()
    out = given.out.absolute()
    try:
        version = Version.parse(given.version)
    except ValueError as error:
        asked.error(str(error))
    if given.keyring and given.bundle and not (given.key and given.certificate):
        asked.error("a bundle for that keyring needs --key and --certificate")
    if given.keyring:
        _check(given.keyring, asked)
    try:
        check_host("image", given.architecture)
        out.mkdir(parents=True, exist_ok=True)
        key = UpdateKey(given.key, given.certificate, given.keyring) if given.keyring else development_key(out)
        sources = tuple(file.absolute() for file in given.packages_from)
        made = _make(Order(BOARDS[given.architecture], sources, out, version, tuple(given.layer), given.bundle, key))
    except (CannotRun, WorkFailed) as cannot:
        sys.stderr.write(f"make image cannot run: {cannot}\n")
        return 1
    sys.stdout.write(json.dumps(made) + "\n")
    return 0


def _check(keyring: Path, asked: argparse.ArgumentParser) -> None:
    now = datetime.now(UTC)
    try:
        until = keyring_until(keyring)
    except (OSError, ValueError):
        asked.error(f"--keyring names a PEM file of certificates, and {keyring} is none that can be read")
    if until <= now:
        asked.error(f"{keyring} has ended on {until:%Y-%m-%d}: no device would take an update. Make another --keyring")
    if until < now + _LONG_ENOUGH:
        sys.stderr.write(_SHORT.format(until=until, keyring=keyring))


def _make(order: Order) -> dict[str, object]:
    models = Path(os.environ.get("WARDLENS_MODELS") or Path(sys.prefix) / "share/wardlens/models")
    if not any(models.glob("*.onnx")):
        raise CannotRun(f"there are no models in {models}. Run: make setup")
    began, epoch, board = time.monotonic(), _epoch(), order.board
    name = f"wardlens-{order.version}-{board.architecture}"
    root, system, boot = order.out / "root", order.out / f"{name}.squashfs", order.out / f"{name}.boot.img"
    shutil.rmtree(root, ignore_errors=True)
    materials = make_system(
        root, board=board, sources=order.sources, version=str(order.version), models=models, layers=order.layers,
        keyring=order.key.keyring, epoch=epoch,
    )  # fmt: skip
    (order.out / f"{name}.cdx.json").write_bytes(materials.cyclonedx())
    starts = (root / "boot/vmlinuz").exists()
    contents = {Content.SYSTEM: system}
    if board.boot_bytes:
        make_boot_file(board, root, boot, epoch)
        contents[Content.BOOT] = boot
    make_system_file(root, system, epoch)
    rights = list(files_with_rights(root))
    shutil.rmtree(root)
    out = order.out / (f"{name}.raucb" if order.bundle else f"{name}.img")
    if order.bundle:
        out.unlink(missing_ok=True)
        make_bundle(
            system, out, version=order.version, compatible=board.compatible, key=order.key.key,
            certificate=order.key.certificate, boot=contents.get(Content.BOOT),
        )  # fmt: skip
    else:
        make_disk(board, contents, out, epoch, name)
    if not starts:
        sys.stderr.write(f"{_NO_KERNEL.format(what=out.name, packages=', '.join(board.foreign))}\n")
    return {
        "made": str(out),
        "architecture": board.architecture,
        "starts": starts,
        "bytes": out.stat().st_blocks * 512,
        "system_bytes": system.stat().st_size,
        "keyring_until": f"{keyring_until(order.key.keyring):%Y-%m-%d}",
        "materials": len(materials.components),
        "files_with_rights": rights,
        "seconds": round(time.monotonic() - began),
    }


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
