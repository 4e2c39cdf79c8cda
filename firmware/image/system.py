"""What a device's read-only root holds: Debian's packages, Wardlens and its models, and nothing to log in to."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from firmware.image import debian
from firmware.image.boards import SLOT_BYTES, Board
from firmware.image.debian import HERE, PROJECT, own_architecture
from firmware.image.materials import Materials, read_materials
from firmware.image.workshop import VENV, workshop

PACKAGES: Final = (
    "ca-certificates",
    "cage",
    "chromium",
    "chrony",
    "dbus",
    "e2fsprogs",
    "fonts-dejavu-core",
    "initramfs-tools",
    "iproute2",
    "kmod",
    "libcamera-ipa",
    "nftables",
    "python3",
    "python3-libcamera",
    "rauc",
    "rauc-service",
    "seatd",
    "systemd",
    "systemd-cryptsetup",
    "systemd-repart",
    "systemd-resolved",
    "systemd-sysv",
    "tpm2-openssl",
    "tpm2-tools",
    "udev",
    "zstd",
)
ROOMS: Final = ("capture", "firmware", "inference", "provisioning", "sync")
FILES: Final = Path(__file__).parent / "root"
UNITS: Final = PROJECT / "firmware" / "systemd"
PLACES: Final = {
    "sysusers.conf": "usr/lib/sysusers.d/wardlens.conf",
    "tmpfiles.conf": "usr/lib/tmpfiles.d/wardlens.conf",
}
UNWANTED: Final = (
    "usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/icons/Adwaita",
    "usr/share/bash-completion", "usr/share/lintian", "usr/share/bug", "usr/include",
)  # fmt: skip
"""What nobody reads on a device. Licences stay in the image's list of materials."""
BASE_EPOCH: Final = 1_754_697_600
"""The day on which trixie came out: what Debian's packages note down of when they were installed."""


def base(board: Board, sources: Sequence[Path]) -> Path:
    """The Debian part of the system, made if there is none yet, or none for a week."""
    packages = (*PACKAGES, *board.packages, *(board.foreign if sources else ()))
    archives = [file.read_text("utf-8") for file in sources]
    made_of = "\n".join((board.architecture, *packages, *archives, inspect.getsource(debian)))

    def make(root: Path) -> None:
        debian.bootstrap(
            root, packages, variant="essential", epoch=BASE_EPOCH, architecture=board.architecture, sources=sources
        )

    return debian.kept(f"image-base-{board.architecture}", made_of, make)


def make_system(
    root: Path, *, board: Board, sources: Sequence[Path], version: str, models: Path, layers: Sequence[Path],
    keyring: Path, epoch: int,
) -> Materials:  # fmt: skip
    """Fill `root`, which does not exist yet, with all of a device's system; gives what it is made of.

    Args:
        root: becomes the system's root folder.
        board: the machine that it is for.
        sources: files for apt that name the archives of the board's own packages; without them it has none.
        version: of the system.
        models: a folder with all models.
        layers: folders whose files are put over the system's, in their order; a product's image has none.
        keyring: certificate of the authority whose updates the device takes.
        epoch: seconds since 1970, for every file's time.

    Raises:
        CannotRun: a tool failed.
    """
    debian.run("cp", "--archive", str(base(board, sources)), str(root))
    _install(root, board, models)
    for folder in (FILES, board.folder / "root", *layers):
        _lay(folder, root)
    for unit in sorted(UNITS.iterdir()):
        shutil.copy(unit, root / PLACES.get(unit.name, f"usr/lib/systemd/system/{unit.name}"))
    for definition in (root / "usr/lib/wardlens/repart.d").glob("*.conf"):
        definition.write_text(definition.read_text("utf-8").replace("=SLOT\n", f"={SLOT_BYTES}\n"), "utf-8")
    table = root / "etc/fstab"
    table.write_text(table.read_text("utf-8").replace("/LOADER", f"/{board.boot_folder}"), "utf-8")
    shutil.copyfile(keyring, root / "etc/rauc/keyring.pem")
    (root / "etc/os-release").unlink()
    (root / "etc/os-release").write_text(_release(version), "utf-8")
    (root / "etc/wardlens-release").write_text(f"{version}\n", "ascii")
    (root / "etc/initramfs-tools/conf.d/wardlens").write_text("MODULES=list\nCOMPRESS=zstd\nRESUME=none\n", "ascii")
    (root / "etc/initramfs-tools/modules").write_text("\n".join(board.modules) + "\n", "ascii")
    kernel = "" if board.foreign and not sources else "yes"
    finish = {"SOURCE_DATE_EPOCH": str(epoch), "KERNEL": kernel}
    debian.run(*debian.inside(root, _FINISH, environment=finish, writable=True))
    materials = read_materials(root, VENV, version)
    _strip(root, board)
    (root / "usr/lib/clock-epoch").touch()
    return materials


def _install(root: Path, board: Board, models: Path) -> None:
    """Wardlens, at its place, with its models and its pages."""
    parts = ["pyproject.toml", "README.md", "LICENSE", *ROOMS]
    script = f"""
        mkdir /tmp/project && cd {HERE} && cp -r {" ".join(parts)} /tmp/project && cd /tmp/project
        pip="{VENV}/bin/python -m pip --quiet --quiet --disable-pip-version-check"
        $pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /tmp/wheel .
        site=$(echo /out{VENV}/lib/python3*/site-packages)
        python3 -m zipfile -e /tmp/wheel/*.whl "$site"
        rm -rf "$site"/pip "$site"/pip-* "$site"/setuptools* "$site"/pkg_resources "$site"/_distutils_hack
        rm -f "$site"/distutils-precedence.pth
        find /out{VENV}/bin ! -name wardlens ! -name 'python*' -type f -delete
        find /out{VENV} -name __pycache__ -prune -exec rm -rf {{}} +
        python3 -m compileall -q -s /out -p / --invalidation-mode unchecked-hash /out{VENV}/lib
    """
    (root / "opt").mkdir(exist_ok=True)
    debian.run("cp", "--archive", f"{workshop(board.architecture)}{VENV}", str(root / "opt"))
    tools = workshop(own_architecture())
    (tools / "out").mkdir(exist_ok=True)
    debian.run(*debian.inside(tools, script, binds=[(PROJECT, HERE)], folder=root, environment={"HOME": "/tmp"}))
    at = root / VENV.lstrip("/")
    shutil.copytree(models, at / "models", ignore=shutil.ignore_patterns("samples", "*.part"))
    shutil.copytree(PROJECT / "docs", at / "docs", ignore=shutil.ignore_patterns("pictures"))


def _lay(folder: Path, root: Path) -> None:
    """Every file of `folder` at its place in `root`: executable or not, and otherwise everybody's to read."""
    for path in sorted(folder.rglob("*")):
        place = root / path.relative_to(folder)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.unlink(missing_ok=True)
            shutil.copyfile(path, place)
            place.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


def _release(version: str) -> str:
    said = {
        "ID": "wardlens",
        "ID_LIKE": "debian",
        "NAME": "Wardlens",
        "PRETTY_NAME": f"Wardlens {version}",
        "VERSION_ID": version,
        "IMAGE_ID": "wardlens",
        "IMAGE_VERSION": version,
    }
    return "".join(f"{name}={json.dumps(value)}\n" for name, value in said.items())


_FINISH: Final = """
export PATH=/usr/sbin:/usr/bin
systemd-sysusers 2>/dev/null
systemctl preset-all --preset-mode=full 2>/dev/null
systemctl set-default multi-user.target 2>/dev/null
# Nobody logs in: no terminal asks for a name, and no account has a password.
systemctl mask getty.target getty@.service serial-getty@.service console-getty.service container-getty@.service \
    autovt@.service debug-shell.service emergency.service rescue.service ctrl-alt-del.target \
    systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    systemd-networkd-wait-online.service 2>/dev/null
usermod --lock --shell /usr/sbin/nologin root
ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
if [ -n "$KERNEL" ]; then
    kernel=$(ls /lib/modules)
    update-initramfs -c -k "$kernel" >/dev/null
    mv "/boot/vmlinuz-$kernel" /boot/vmlinuz
    mv "/boot/initrd.img-$kernel" /boot/initrd.img
fi
rm -f /boot/System.map-* /boot/config-* /boot/initrd.img-* /vmlinuz* /initrd.img*
# No file gives anybody another's rights.
find / -xdev -perm /6000 ! -type l -exec chmod ug-s {} +
"""


def _strip(root: Path, board: Board) -> None:
    """Without what a device does not read, and with empty places for what it mounts."""
    for unwanted in UNWANTED:
        shutil.rmtree(root / unwanted, ignore_errors=True)
    for place in ("var", "tmp", "run", "srv", "out", "home", "media", "root"):
        shutil.rmtree(root / place, ignore_errors=True)
    for place, mode in {
        "var": 0o755,
        "var/tmp": 0o1777,
        "tmp": 0o1777,
        "run": 0o755,
        board.boot_folder: 0o700,
        "root": 0o700,
        "home": 0o755,
        "srv": 0o755,
    }.items():
        (root / place).mkdir(exist_ok=True)
        (root / place).chmod(mode)
    (root / "etc/machine-id").write_text("uninitialized\n", "ascii")
    for stale in ("etc/hostname", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"):
        (root / stale).unlink(missing_ok=True)
    (root / "etc/hostname").write_text("wardlens\n", "ascii")


def files_with_rights(root: Path) -> Iterable[str]:
    """Files that run with another's rights: setuid, setgid or with capabilities; a device has none."""
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink() and path.lstat().st_mode & 0o6000:
                yield f"/{path.relative_to(root)}"
    told = subprocess.run(["getcap", "-r", str(root)], check=False, capture_output=True, text=True).stdout
    yield from (line.removeprefix(str(root)) for line in told.splitlines())
