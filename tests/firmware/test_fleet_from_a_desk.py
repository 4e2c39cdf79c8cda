"""`wardlens receiver devices`: the site's devices with what the archive knows of them, and this release's models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from capture.identifiers import DeviceId
from firmware.command import app
from firmware.fleet import enrolled, this_release
from inference import load_manifest
from provisioning.enrolment import pair, serving_enrolment
from provisioning.errors import EnrolmentRefused
from provisioning.site import Site
from sync.protocol import DeviceFacts, DeviceState
from sync.receiver import Archive, ArchiveSettings
from sync.receiver.archive import KeptState

MODELS = dict(this_release().models)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a device on ward 9, one that was revoked, and one that IT refused."""
    site = Site.create(tmp_path / "site", "st-mary", "St Mary")
    with serving_enrolment(site, "127.0.0.1", 0) as enrolment:
        for name in ("Ward 9, cart A", "Lost"):
            line = site.invite(f"127.0.0.1:{enrolment.port}").line

            def approve(digits: str) -> None:
                (waiting,) = site.pending()
                site.approve(waiting.id, digits)

            pair(line, tmp_path / name, on_digits=approve, name=name)
        stranger = site.invite(f"127.0.0.1:{enrolment.port}").line
        with pytest.raises(EnrolmentRefused):
            pair(stranger, tmp_path / "stranger", on_digits=lambda _: site.refuse(site.pending()[0].id))
    site.revoke(next(device.id for device in site.devices() if device.name == "Lost"))
    return site


def heard(folder: Path, device: str, facts: DeviceFacts) -> None:
    archive = Archive.open(ArchiveSettings.in_folder(folder))
    now = archive.clock()
    birth = DeviceState(1, facts).encode()
    archive.keep_states([(KeptState(DeviceId(device), 1, True, now, now, birth), False)])
    archive.close()


def test_the_models_of_this_release_are_known_without_the_libraries_that_run_them() -> None:
    script = (
        "import sys; sys.modules.update(cv2=None, onnxruntime=None)\n"
        "import json; from firmware.fleet import this_release; print(json.dumps(this_release().models))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    models = load_manifest().models
    graphs = [*models, *(model.eight_bits for model in models if model.eight_bits)]
    assert json.loads(done.stdout) == MODELS == {graph.name: graph.sha256 for graph in graphs}


@pytest.mark.parametrize("group", ["receiver", "site"])
def test_the_command_shows_each_device_of_the_site_with_its_last_word(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    ward, lost, _ = site.devices()
    facts = DeviceFacts(
        this_release().version, 2, 1, 10**10, 20, MODELS, {"phantom": "failed"}, 10**12, system="2026.48.1"
    )
    heard(tmp_path / "archive", ward.id, facts)
    monkeypatch.setenv("WARDLENS_RECEIVER__ARCHIVE", str(tmp_path / "archive"))
    words = [group, "devices", "--site", str(site.folder)]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    first, second = json.loads(done.stdout)
    assert (first["device"], first["name"], first["presence"]) == (ward.id, "Ward 9, cart A", "online")
    assert (first["queued"], first["parked"], first["self_test"]) == (2, 1, {"phantom": "failed"})
    assert first["system"] == "2026.48.1"
    assert {model["is"] for model in first["models"].values()} == {"known"}
    assert [said["concern"] for said in first["attention"]] == ["self-test-failed", "parked"]
    assert (second["device"], second["status"], second["attention"]) == (lost.id, "revoked", [])
    shown = CliRunner().invoke(app, words, terminal_width=200)
    assert shown.exit_code == 0, shown.output
    assert "Its test of itself failed (phantom)" in " ".join(shown.output.split())


def test_a_device_that_it_has_not_confirmed_is_no_part_of_the_fleet(site: Site) -> None:
    assert len(site.devices()) == 3
    assert [one.name for one in enrolled(site)] == ["Ward 9, cart A", "Lost"]
    assert [one.status for one in enrolled(site)] == ["active", "revoked"]
