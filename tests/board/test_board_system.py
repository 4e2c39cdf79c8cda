"""A Raspberry Pi's system, as far as it can be tried without one: its programs under emulation, without its kernel."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
from pathlib import Path

from firmware.image import debian
from firmware.image.boards import BOARDS, MIB, SLOT_BYTES
from firmware.image.system import files_with_rights
from firmware.tryboot import Choice, Other, Slot, parse_choice
from inference import load_manifest

HERE = "/srv/tests"
WAIT_S = 1200
EMPTY_VAR = "mount -t tmpfs tmpfs /var; mkdir -p /var/lib/wardlens"
ARM64 = 183
"""ELF's number of the processor."""
PI = BOARDS["arm64"]


def run(root: Path, script: str, *, out: Path | None = None, **environment: str) -> str:
    """What a script of the system's own shell says, with the system read-only and no network."""
    variables = {
        "PATH": "/opt/wardlens/bin:/usr/bin:/usr/sbin",
        "WARDLENS_STATE": "/var/lib/wardlens",
        "WARDLENS_RUNTIME": "/run/wardlens",
        "WARDLENS_MODELS": "/opt/wardlens/models",
        **environment,
    }
    binds = [(Path(__file__).parent, HERE)]
    command = debian.inside(root, script, folder=out, binds=binds, environment=variables, hardware=False)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_program_is_for_its_processor(root: Path) -> None:
    programs = [
        path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size > 64
    ]
    wrong, count = [], 0
    for path in programs:
        with path.open("rb") as file:
            head = file.read(20)
        if head[:4] == b"\x7fELF":
            count += 1
            if struct.unpack_from("<H", head, 18)[0] != ARM64:
                wrong.append(path.relative_to(root))
    assert wrong == []
    assert count > 500


def test_no_file_gives_anybody_anothers_rights_and_nobody_can_log_in(root: Path) -> None:
    assert list(files_with_rights(root)) == []
    passwords = (root / "etc/shadow").read_text("utf-8").splitlines()
    assert all(line.split(":")[1].startswith(("!", "*")) for line in passwords)
    for program in ("gcc", "apt", "sshd", "login"):
        assert not (root / "usr/bin" / program).exists()


def test_its_list_of_materials_names_arm64_packages_and_every_model(made: Path) -> None:
    (file,) = made.glob("*.cdx.json")
    parts = [part["bom-ref"] for part in json.loads(file.read_text("utf-8"))["components"]]
    architectures = {ref.partition("?arch=")[2] for ref in parts if ref.startswith("pkg:deb/")}
    assert architectures == {"arm64", "all"}
    assert sum(ref.startswith("model/") for ref in parts) == len(load_manifest().models)
    assert any(ref.startswith("pkg:pypi/picamera2@") for ref in parts)


def test_the_disk_begins_with_what_the_firmware_reads(made: Path) -> None:
    (disk,) = made.glob("*-arm64.img")
    with disk.open("rb") as file:
        raw = file.read(64 * MIB)
    text = Choice(Slot.A, Other.BAD).text.encode()
    at = raw.index(text)
    assert at % 512 == 0, "it is in one sector"
    assert MIB <= at < MIB + PI.partitions[0].bytes
    assert raw.index(b"[boot_partition=2]\ncmdline=cmdline-a.txt") > MIB + PI.partitions[0].bytes
    assert b"EFI PART" in raw[512:1024]


def test_the_first_start_makes_the_rest_of_the_disk_and_leaves_what_is_there(made: Path, root: Path, out: Path) -> None:
    """By the system's own systemd-repart, with its own definitions, on a disk that is larger than the image."""
    (disk,) = made.glob("*-arm64.img")
    subprocess.run(["cp", "--sparse=always", str(disk), str(out / "disk.img")], check=True)
    os.truncate(out / "disk.img", 4 << 30)
    before = partitions(out / "disk.img")
    make = "systemd-repart --offline=yes --dry-run=no --no-pager --definitions=/usr/lib/wardlens/repart.d /out/disk.img"
    run(root, f"{EMPTY_VAR} /var/tmp; {make}", out=out)
    after = partitions(out / "disk.img")
    assert [name for name, _, _ in before] == [part.label for part in PI.partitions]
    assert after[: len(before)] == before
    assert [name for name, _, _ in after[len(before) :]] == ["wardlens-b", "wardlens-data"]
    assert {last - first + 1 for name, first, last in after if name in {"wardlens-a", "wardlens-b"}} == {
        SLOT_BYTES // 512
    }
    run(root, f"{EMPTY_VAR} /var/tmp; {make}", out=out)
    assert partitions(out / "disk.img") == after, "the second start finds it all there"


def partitions(disk: Path) -> list[tuple[str, int, int]]:
    """Each partition of a GPT: its name, its first and its last sector."""
    with disk.open("rb") as file:
        file.seek(1024)
        entries = [file.read(128) for _ in range(128)]
    return [
        (entry[56:].decode("utf-16-le").rstrip("\0"), *struct.unpack_from("<QQ", entry, 32))
        for entry in entries
        if any(entry[:16])
    ]


def test_the_first_starts_script_finds_each_of_its_programs(root: Path) -> None:
    words = re.findall(
        r"(?:^|[ |(])([a-z][a-z0-9-]+)(?= )", (root / "usr/lib/wardlens/data.sh").read_text(), re.MULTILINE
    )
    needed = {"lsblk", "findmnt", "udevadm", "systemd-repart", "blkid", "systemd-cryptsetup", "e2fsck", "ln"}
    assert needed <= set(words)
    for program in needed:
        assert any((root / folder / program).exists() for folder in ("usr/bin", "usr/sbin")), program


def test_an_update_brings_both_partitions_of_a_system(made: Path, program) -> None:
    (bundle,) = made.glob("*.raucb")
    told = subprocess.run(
        [program("rauc"), f"--keyring={made}/development.cert.pem", "info", "--output-format=json", bundle],
        check=True, capture_output=True,
    )  # fmt: skip
    said = json.loads(told.stdout)
    assert said["compatible"] == PI.compatible
    assert {slot for one in said["images"] for slot in one} == {"rootfs", "boot"}


def test_the_program_that_chooses_a_system_runs_there(root: Path, out: Path) -> None:
    """In a root whose first partition is the folder that it may write to."""
    (out / "autoboot.txt").write_text(Choice(Slot.A, Other.BAD).text)
    (out / "cmdline").write_text("quiet rauc.slot=A")
    script = """
        mount --bind /out /start
        mount --bind /out/cmdline /proc/cmdline
        ask=/usr/lib/wardlens/bootloader
        $ask get-current; $ask get-primary
        $ask set-primary B; $ask get-primary; $ask trial
        $ask begin; $ask get-primary
    """
    assert run(root, script, out=out).split("\n") == ["A", "A", "B", "0 tryboot", "A", ""]
    assert parse_choice((out / "autoboot.txt").read_text()) == Choice(Slot.A, Other.TRIED)


def test_rauc_of_the_system_reads_its_own_configuration(root: Path, out: Path) -> None:
    (out / "autoboot.txt").write_text(Choice(Slot.B, Other.GOOD).text)
    (out / "cmdline").write_text("quiet rauc.slot=B")
    script = """
        mount --bind /out /start
        mount --bind /out/cmdline /proc/cmdline
        mount -t tmpfs tmpfs /var; mkdir -p /var/lib/rauc
        mkdir -p /run/dbus
        dbus-daemon --system --fork
        rauc service >/out/rauc.log 2>&1 &
        for second in $(seq 120); do rauc status --output-format=json 2>/dev/null && break; sleep 1; done
    """
    said = json.loads(run(root, script, out=out))
    assert (said["compatible"], said["booted"], said["boot_primary"]) == (PI.compatible, "B", "rootfs.1")
    states = {name: slot["boot_status"] for one in said["slots"] for name, slot in one.items() if slot["bootname"]}
    assert states == {"rootfs.0": "good", "rootfs.1": "good"}


def test_doctor_knows_its_models_and_misses_a_camera(root: Path) -> None:
    said = json.loads(
        run(root, "mount -t tmpfs tmpfs /var; mkdir -p /var/lib/wardlens; wardlens doctor --json || true")
    )
    states = {row["part"]: row["state"] for row in said}
    assert (states["models"], states["clock"], states["camera"]) == ("ok", "ok", "failed")


def test_every_model_gives_its_known_answer_there(root: Path) -> None:
    code = "from pathlib import Path; from inference import load_manifest; from inference.models import load_models"
    load = 'print(*load_models(load_manifest(), Path("/opt/wardlens/models")))'
    said = run(root, f"/opt/wardlens/bin/python -c '{code}; {load}'")
    assert said.split() == [model.name for model in load_manifest().models]


def test_the_three_services_start_each_as_its_user(root: Path, out: Path) -> None:
    """The camera service still prepares its models then: at their full size that takes an emulated machine long."""
    script = f"/opt/wardlens/bin/python {HERE}/inside.py"
    see = {"WARDLENS_CAMERA__ADAPTER": "replay", "WARDLENS_CAMERA__SOURCE": "/out/pictures"}
    try:
        run(root, script, out=out, WAIT_S=str(WAIT_S), **see)
    except AssertionError as failed:
        logs = "\n".join(f"{path.name}: {path.read_text()}" for path in sorted(out.glob("*.log")))
        raise AssertionError(f"{failed}\n{logs}") from failed
    found = json.loads((out / "found.json").read_text())
    assert found["users"] == {"camera": "wl-camera", "panel": "wl-panel", "sync": "wl-sync"}
    assert found["camera"]["camera"]["state"] == "ready"
    assert found["camera"]["engine"]["state"] in {"loading", "ready"}
    assert "Wardlens" in found["page"]
    assert found["healthz"]["status"] == "unavailable"
    assert found["healthz"]["paired"] is False
