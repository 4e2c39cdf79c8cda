"""The files that an image is made of agree with each other, and its list of materials is complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from firmware.image.disk import GRUB
from firmware.image.materials import read_materials
from firmware.image.system import FILES, UNITS

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


def test_boot_loader_updates_and_partitions_call_the_systems_the_same() -> None:
    rauc = (FILES / "etc/rauc/system.conf").read_text("utf-8")
    grub = GRUB.read_text("ascii")
    for letter in "ab":
        label = f"wardlens-{letter}"
        assert f"by-partlabel/{label}\ntype=raw\nbootname={letter.upper()}" in rauc
        assert f"system={label}" in grub
        (made,) = (FILES / "usr/lib/wardlens/repart.d").glob(f"*-system-{letter}.conf")
        assert f"Label={label}\n" in made.read_text("utf-8")
    assert "grubenv=/efi/grubenv" in rauc
    assert "--file ($efi)/grubenv" in grub


def test_a_tpm_adds_to_the_data_partition_that_it_is_encrypted_and_to_nothing_else() -> None:
    with_tpm = FILES / "usr/lib/wardlens/repart.tpm.d"
    added = {str(path.relative_to(with_tpm)): path.read_text("utf-8") for path in with_tpm.rglob("*") if path.is_file()}
    assert added == {"40-data.conf.d/encrypt.conf": "[Partition]\nEncrypt=tpm2\n"}
    assert (FILES / "usr/lib/wardlens/repart.d/40-data.conf").exists()


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
