"""The files that an image is made of agree with each other, and its list of materials is complete."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from collections.abc import Callable
from configparser import ConfigParser
from itertools import product
from pathlib import Path

import pytest

from firmware.bundles import make_bundle
from firmware.image.boards import BOARDS, MIB, Board, Content
from firmware.image.materials import read_materials
from firmware.image.signing import development_key
from firmware.image.system import FILES, UNITS
from firmware.settings import load_settings
from firmware.tryboot import FILE, MOST_BYTES, Choice, Other, Slot, parse_choice
from firmware.updating.programs import BOOTLOADER
from provisioning.updates import Version
from tests.firmware.upkeep.machines import grub

SYSTEM = FILES / "usr/lib/systemd/system"
DEBIANS_OWN = {
    "systemd-networkd.service", "systemd-resolved.service", "nftables.service", "chrony.service", "seatd.service",
}  # fmt: skip


def test_every_unit_that_is_enabled_is_there_and_each_of_ours_that_can_be_is_enabled() -> None:
    preset = (FILES / "usr/lib/systemd/system-preset/00-wardlens.preset").read_text("utf-8")
    enabled = set(re.findall(r"^enable (\S+)$", preset, re.MULTILINE))
    ours = {
        path.name: path.read_text("utf-8")
        for folder in (UNITS, SYSTEM)
        for path in folder.glob("*.*")
        if path.is_file() and path.suffix != ".conf"
    }
    assert enabled - DEBIANS_OWN <= ours.keys()
    wanted = {name for name, text in ours.items() if "[Install]" in text and name != "wardlens-opener.service"}
    assert wanted <= enabled, "the opener is the hospital's; all else of ours runs on a device"
    assert preset.rstrip().endswith("disable *")


GRUB = BOARDS["amd64"].folder / "loader" / "grub.cfg"
PI = BOARDS["arm64"]
boards = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())


def definitions(board: Board) -> list[tuple[str, str, str]]:
    """The partitions of a device in their order: the file's name, the type and the label."""
    place = "usr/lib/wardlens/repart.d"
    found = {one.name: one for folder in (FILES, board.folder / "root") for one in (folder / place).glob("*.conf")}
    texts = {name: found[name].read_text("utf-8") for name in sorted(found)}
    said = re.compile(r"^(?:Type|Label)=(.+)$", re.MULTILINE)
    return [(name, *said.findall(text)) for name, text in texts.items()]


def slots(board: Board) -> ConfigParser:
    parsed = ConfigParser()
    parsed.read(board.folder / "root/etc/rauc/system.conf", "utf-8")
    return parsed


@boards
def test_updates_are_for_this_machine_and_written_to_partitions_that_it_has(board: Board) -> None:
    rauc = slots(board)
    assert rauc["system"]["compatible"] == board.compatible
    assert rauc["keyring"]["path"] == "/etc/rauc/keyring.pem"
    labels = {label for _, _, label in definitions(board)}
    names = [name for name in rauc.sections() if name.startswith("slot.")]
    for name in names:
        assert rauc[name]["device"].removeprefix("/dev/disk/by-partlabel/") in labels
        assert rauc[name]["type"] == "raw"
    bootnames = {rauc[name]["bootname"]: rauc[name]["device"] for name in names if "bootname" in rauc[name]}
    assert {name: Path(device).name for name, device in bootnames.items()} == {"A": "wardlens-a", "B": "wardlens-b"}
    assert len(names) == (4 if board.boot_bytes else 2)


@boards
def test_what_the_disk_has_is_what_the_first_start_goes_on_from(board: Board) -> None:
    """systemd-repart takes a partition that is there for a definition of its type, the first for the first."""
    kinds = {"ef00": "esp", "0700": "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "8304": "root", "8305": "root"}
    wanted = [(kind, label) for _, kind, label in definitions(board)]
    there = [(kinds[part.type], part.label) for part in board.partitions]
    assert wanted[: len(there)] == there
    assert [label for _, label in wanted[len(there) :]] == ["wardlens-b", "wardlens-data"]
    assert sum(part.content is Content.LOADER for part in board.partitions) == 1
    assert all(part.bytes % MIB == 0 for part in board.partitions)


@boards
def test_the_system_mounts_what_its_boot_loader_reads_first(board: Board) -> None:
    assert f"{board.boot_folder}".isalpha()
    assert (FILES / "etc/fstab").read_text("utf-8").count("LABEL=WARDLENS  /LOADER  vfat") == 1
    assert "-n WARDLENS -C /tmp/loader" in (board.folder / "loader.sh").read_text("utf-8")


def test_grub_and_updates_call_the_systems_the_same() -> None:
    text = GRUB.read_text("ascii")
    for number, letter in enumerate("ab", 2):
        assert f"set root=$disk,gpt{number}\n        set system=wardlens-{letter}" in text
    assert slots(BOARDS["amd64"])["system"]["grubenv"] == "/efi/grubenv"
    assert BOARDS["amd64"].boot_folder == "efi"
    assert "--file ($efi)/grubenv" in text


@pytest.mark.parametrize("order", ["A B", "B A"])
def test_grub_starts_a_system_that_it_was_told_is_good_and_counts_that_start(order: str) -> None:
    """Over all that grubenv can say: the first good one with a start left, then one that is good, then any."""
    for good_a, good_b, tries_a, tries_b in product("01", "01", "0123", "0123"):
        kept = {"ORDER": order, "A_OK": good_a, "B_OK": good_b, "A_TRY": tries_a, "B_TRY": tries_b}
        after, started = grub(kept, ["A", "B"])
        good = [slot for slot in order.split() if kept[f"{slot}_OK"] == "1"]
        left = [slot for slot in good if kept[f"{slot}_TRY"] != "3"]
        assert started == [*left, *good, *order.split()][0], kept
        counted = {f"{slot}_TRY": kept[f"{slot}_TRY"] if left else "0" for slot in "AB"}
        counted[f"{started}_TRY"] = str(int(counted[f"{started}_TRY"]) + 1)
        assert after == kept | counted, kept


@pytest.mark.parametrize(("readable", "started"), [(["A"], "A"), (["B"], "B"), ([], "")])
def test_grub_starts_the_other_system_where_one_cannot_be_read(readable: list[str], started: str) -> None:
    kept = {"ORDER": "B A", "A_OK": "0", "B_OK": "1", "A_TRY": "0", "B_TRY": "0"}
    assert grub(kept, readable)[1] == started


def test_a_pis_firmware_and_updates_call_the_systems_the_same() -> None:
    rauc = slots(PI)
    config = (PI.folder / "boot/config.txt").read_text("ascii")
    numbers = {part.label: number for number, part in enumerate(PI.partitions, 1)}
    for index, slot in enumerate(Slot):
        letter = slot.name.lower()
        assert numbers[f"wardlens-boot-{letter}"] == slot.value
        assert f"[boot_partition={slot.value}]\ncmdline=cmdline-{letter}.txt\n" in config
        words = (PI.folder / f"boot/cmdline-{letter}.txt").read_text("ascii").split()
        assert {f"root=PARTLABEL=wardlens-{letter}", f"rauc.slot={slot.name}", "ro", "rootwait"} <= set(words)
        boot = rauc[f"slot.boot.{index}"]
        assert (boot["device"], boot["parent"]) == (f"/dev/disk/by-partlabel/wardlens-boot-{letter}", f"rootfs.{index}")
        assert rauc[f"slot.rootfs.{index}"]["bootname"] == slot.name
    assert config.index("[boot_partition=3]") < config.index("[all]") < config.index("kernel=")


def test_a_pi_begins_with_its_first_system_and_says_so_in_one_sector() -> None:
    text = (PI.folder / "loader/autoboot.txt").read_text("ascii")
    assert parse_choice(text) == Choice(Slot.A, Other.BAD)
    assert len(text) <= MOST_BYTES
    assert Path(f"/{PI.boot_folder}/autoboot.txt") == FILE


def test_rauc_and_wardlens_ask_the_same_program_which_system_a_pi_starts() -> None:
    rauc = slots(PI)
    assert rauc["system"]["bootloader"] == "custom"
    assert rauc["handlers"]["bootloader-custom-backend"] == str(BOOTLOADER)
    program = PI.folder / "root" / str(BOOTLOADER).lstrip("/")
    assert os.access(program, os.X_OK)
    assert "-m firmware.tryboot" in program.read_text("ascii")
    for unit in ("wardlens-update.service", "wardlens-trial.service"):
        assert f"ReadWritePaths=-/{PI.boot_folder}\n" in (UNITS / unit).read_text("utf-8")


def test_only_a_pi_has_that_program() -> None:
    assert not (FILES / str(BOOTLOADER).lstrip("/")).exists()
    assert not (BOARDS["amd64"].folder / "root" / str(BOOTLOADER).lstrip("/")).exists()


def test_no_file_of_a_machine_of_its_own_hides_a_common_one() -> None:
    def files(folder: Path) -> set[Path]:
        return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}

    for board in BOARDS.values():
        assert not files(board.folder / "root") & files(FILES)


def test_a_pis_machine_has_one_identifier_made_of_its_serial_number(tmp_path: Path) -> None:
    script = PI.folder / "root/etc/initramfs-tools/scripts/init-bottom/machine-id"
    (tmp_path / "mount").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/mounted\n', "ascii")
    (tmp_path / "mount").chmod(0o755)
    made = []
    for serial in ("10000000abcdef01", "10000000abcdef01", "10000000abcdef02"):
        (tmp_path / "serial").write_bytes(serial.encode() + b"\0")
        variables = {"SERIAL": str(tmp_path / "serial"), "RUN": str(tmp_path), "rootmnt": "/root"}
        path = f"{tmp_path}:{os.environ['PATH']}"
        subprocess.run(["sh", "-eu", str(script)], check=True, env={**variables, "PATH": path})
        made.append((tmp_path / "wardlens-machine-id").read_text("ascii"))
    assert made[0] == made[1] != made[2]
    assert all(re.fullmatch(r"[0-9a-f]{32}\n", one) for one in made)
    assert set((tmp_path / "mounted").read_text("utf-8").splitlines()) == {
        f"-o bind {tmp_path}/wardlens-machine-id /root/etc/machine-id"
    }


@pytest.mark.parametrize("with_boot", [False, True])
def test_a_bundle_names_an_image_for_each_class_of_slots(
    *, with_boot: bool, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    program("rauc")
    key = development_key(tmp_path)
    system, boot = tmp_path / "root.squashfs", tmp_path / "one.boot.img"
    for file in (system, boot):
        file.write_bytes(secrets.token_bytes(8192))
    bundle = tmp_path / "one.raucb"
    make_bundle(
        system, bundle, version=Version(2026, 48, 1), compatible=PI.compatible, key=key.key,
        certificate=key.certificate, boot=boot if with_boot else None,
    )  # fmt: skip
    told = subprocess.run(
        [program("rauc"), f"--keyring={key.keyring}", "info", "--output-format=json", bundle],
        check=True, capture_output=True,
    )  # fmt: skip
    said = json.loads(told.stdout)
    assert (said["compatible"], said["version"]) == (PI.compatible, "2026.48.1")
    images = {slot: image["filename"] for one in said["images"] for slot, image in one.items()}
    assert images == {"rootfs": system.name} | ({"boot": boot.name} if with_boot else {})


def test_a_tpm_adds_to_the_data_partition_that_it_is_encrypted_and_to_nothing_else() -> None:
    with_tpm = FILES / "usr/lib/wardlens/repart.tpm.d"
    added = {str(path.relative_to(with_tpm)): path.read_text("utf-8") for path in with_tpm.rglob("*") if path.is_file()}
    assert added == {"40-data.conf.d/encrypt.conf": "[Partition]\nEncrypt=tpm2\n"}
    assert (FILES / "usr/lib/wardlens/repart.d/40-data.conf").exists()


def test_a_raspberry_pi_has_its_button_and_its_light_on_pins_of_their_own() -> None:
    board = BOARDS["arm64"].folder
    indicator = load_settings(board / "root/etc/wardlens/wardlens.toml").indicator
    (overlay,) = re.findall(r"^dtoverlay=gpio-key,(.*)$", (board / "boot/config.txt").read_text("ascii"), re.MULTILINE)
    button = dict(part.split("=") for part in overlay.split(","))
    pins = [indicator.red, indicator.green, indicator.blue, int(button["gpio"])]
    assert None not in pins
    assert len(set(pins)) == 4
    assert (button["keycode"], "F13" in load_settings(None).panel.shutter_keys) == ("183", True)  # KEY_F13


@pytest.fixture
def root(tmp_path: Path) -> Path:
    zstd = "Package: zstd\nVersion: 1.5.7+dfsg-1\nArchitecture: amd64\nDescription: fast\n more\n"
    status = f"{zstd}\nPackage: bash\nVersion: 1:5.2\nArchitecture: amd64\n"
    metadata = "Metadata-Version: 2.4\nName: Zope_Thing.x\nVersion: 3.0\nLicense-Expression: MIT\n\nName: not this\n"
    for place, text in {
        "var/lib/dpkg/status": status,
        "opt/v/lib/python3.13/site-packages/thing.dist-info/METADATA": metadata,
    }.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text, "utf-8")
    return tmp_path


def test_the_list_of_materials_names_packages_of_both_kinds_and_every_model(root: Path) -> None:
    said = json.loads(read_materials(root, "/opt/v", "1.2.3").cyclonedx())
    assert (said["bomFormat"], said["specVersion"], said["metadata"]["component"]["version"]) == (
        "CycloneDX",
        "1.6",
        "1.2.3",
    )
    parts = {part["bom-ref"]: part for part in said["components"]}
    assert "pkg:deb/debian/zstd@1.5.7%2Bdfsg-1?arch=amd64" in parts
    assert "pkg:deb/debian/bash@1%3A5.2?arch=amd64" in parts
    assert parts["pkg:pypi/zope-thing-x@3.0"]["licenses"] == [{"expression": "MIT"}]
    models = [part for part in said["components"] if part["type"] == "machine-learning-model"]
    assert models
    assert all(len(model["hashes"][0]["content"]) == 64 for model in models)


def test_the_list_is_the_same_bytes_for_the_same_materials(root: Path) -> None:
    assert read_materials(root, "/opt/v", "1.2.3").cyclonedx() == read_materials(root, "/opt/v", "1.2.3").cyclonedx()
