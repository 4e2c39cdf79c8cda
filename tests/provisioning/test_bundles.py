"""Bundles in a site's folder: under their digest, whole, with the version that their manifest says."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from provisioning import bundles
from provisioning.bundles import LARGEST_SIGNATURE, piece_of, publish
from provisioning.commands import CommandName
from provisioning.errors import NotAccepted, StorageRefused
from provisioning.updates import Update, Version
from tests.firmware.upkeep.machines import NEW, OLD, Vendor


@pytest.fixture(scope="session")
def bundle(tmp_path_factory, program):
    """One that the real RAUC made."""
    program("rauc")
    program("openssl")
    return Vendor(tmp_path_factory.mktemp("releases") / "vendor").bundle(NEW, size=100_000)


def test_a_bundle_that_rauc_made_is_published_under_its_digest_with_the_version_of_its_manifest(bundle, tmp_path):
    folder, raw = tmp_path / "updates", bundle.read_bytes()
    for _ in range(2):
        update = publish(folder, bundle, None)
        assert update == Update(Version.parse(NEW), len(raw), hashlib.sha256(raw).hexdigest())
        assert [path.name for path in folder.iterdir()] == [f"{update.sha256}.raucb"]
    assert (folder / f"{update.sha256}.raucb").read_bytes() == raw


def test_another_version_than_is_meant_is_refused_and_nothing_is_kept(bundle, tmp_path):
    with pytest.raises(NotAccepted, match=f"says {NEW}, not {OLD}"):
        publish(tmp_path / "updates", bundle, Version.parse(OLD))
    assert not (tmp_path / "updates").exists()


@pytest.mark.parametrize("what", ["empty", "short", "cut", "no signature", "no manifest", "long signature"])
def test_what_is_no_bundle_is_not_offered(what, bundle, tmp_path):
    raw = bundle.read_bytes()
    other = {
        "empty": b"",
        "short": b"12345678",
        "cut": raw[:-100],
        "no signature": raw[:-8] + bytes(8),
        "no manifest": raw[:5000] + b"0" * 100 + (100).to_bytes(8, "big"),
        "long signature": raw[:-8] + (LARGEST_SIGNATURE + 1).to_bytes(8, "big"),
    }[what]
    path = tmp_path / "other.raucb"
    path.write_bytes(other)
    with pytest.raises(NotAccepted, match="no bundle that can be offered"):
        publish(tmp_path / "updates", path, None)


def test_a_disk_that_refuses_leaves_no_half_of_a_bundle(bundle, tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundles.os, "fsync", full)
    with pytest.raises(StorageRefused, match="No space left"):
        publish(tmp_path / "updates", bundle, None)
    assert list((tmp_path / "updates").iterdir()) == []


def test_pieces_are_of_one_bundle_and_of_nothing_else_in_the_folder(bundle, tmp_path):
    folder, raw = tmp_path / "updates", bundle.read_bytes()
    update = publish(folder, bundle, None)
    assert piece_of(folder, update.sha256, 1000, 500) == (raw[1000:1500], len(raw))
    assert piece_of(folder, update.sha256, len(raw) - 5, 500) == (raw[-5:], len(raw))
    (tmp_path / "secret.raucb").write_text("secret")
    for name in ("../secret", "0" * 64, update.sha256.upper(), ""):
        assert piece_of(folder, name, 0, 10) is None


def offered(site, bundle, *words):
    command = [sys.executable, "-m", "firmware", "site", "offer-update", *words, "--bundle", bundle]
    return subprocess.run([*command, "--site", site.folder, "--json"], check=False, capture_output=True, text=True)


def test_a_desk_offers_one_device_or_all_the_version_of_the_bundle(bundle, site, device):
    rows = json.loads(offered(site, bundle, device.device, "--version", NEW).stdout)
    assert [(row["device"], row["version"]) for row in rows] == [(device.device, NEW)]
    assert json.loads(offered(site, bundle, "--all").stdout)[0]["device"] == device.device
    site.revoke(device.device)
    assert json.loads(offered(site, bundle, "--all").stdout) == []
    given = site.commands(device.device)
    assert [one.name for one in given] == [CommandName.UPDATE.value] * 2
    assert Update.parse(given[0].argument).version == Version.parse(NEW)


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "or say --all"), (["wl-0123456789", "--all"], "or say --all"), (["--all", "--version", "new"], "no version")],
)
def test_a_desk_says_whom_and_a_version_that_is_one(words, said, bundle, site):
    told = offered(site, bundle, *words)
    assert told.returncode == 2
    assert said in told.stderr
    assert not site.layout.updates.exists()
