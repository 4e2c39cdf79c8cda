"""`wardlens device ledger verify` and `wardlens receiver ledger verify`: each file of a ledger, and what is missing."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from capture.envelope import FileSigner
from capture.identifiers import DeviceId
from capture.ledger import Ledger, LedgerEvent
from firmware.errors import RequestWrong, WorkFailed
from firmware.ledgers import export_at_hospital, verify_at_hospital, verify_ledgers
from provisioning.devices import DeviceState
from provisioning.identity import StateLayout
from provisioning.keys import make_leaf_key, public_der, write_key
from provisioning.site import Site
from sync.receiver import Archive, ArchiveSettings
from sync.receiver.ledgers import keep_heads

DEVICE = DeviceId("wl-0123456789")


@pytest.fixture
def device(tmp_path):
    """A device's state folder with three chains of four lines."""
    state = tmp_path / "device"
    layout = StateLayout(state)
    (state / "keys").mkdir(parents=True)
    for chain, name in {"camera": "signing", "sync": "identity", "panel": "panel"}.items():
        write_key(layout.key(name), make_leaf_key())
        with Ledger(state / "ledger", chain, FileSigner(layout.key(name))) as ledger:
            for _ in range(4):
                ledger.append(LedgerEvent.SERVICE_STOPPED)
    return SimpleNamespace(state=state)


def found(device):
    return {chain: (facts["whole"], facts["first"]) for chain, facts in verify_ledgers(device).items()}


def test_whole_chains_are_whole(device):
    assert found(device) == {"camera": (True, ""), "panel": (True, ""), "sync": (True, "")}


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "camera.head").unlink(), "The chain has lines and no head."),
        (lambda folder: (folder / "camera.head").write_bytes(b"{}"), "The chain has a head that is none"),
        (lambda folder: (folder / "camera.jsonl").unlink(), "The chain is gone: a head signs for 4 lines"),
        (lambda folder: (folder / "camera.jsonl").write_bytes(b""), "Line 1 was signed for and is not there"),
        (lambda folder: (folder / "sync.head").replace(folder / "camera.head"), "Line 1 (service-stopped) is where"),
    ],
    ids=["head removed", "head damaged", "lines removed", "lines emptied", "head of another chain"],
)
def test_what_is_missing_is_not_passed_over(device, harm, said):
    harm(device.state / "ledger")
    whole, first = found(device)["camera"]
    assert (whole, first.startswith(said)) == (False, True), first


def test_a_chain_that_no_service_writes_is_not_whole(device):
    (device.state / "ledger" / "other.jsonl").write_bytes(b"")
    assert found(device)["other"] == (False, "The chain is none that this device writes: somebody put it there.")


@pytest.fixture
def hospital(device, tmp_path):
    """A site that knows the device and its keys, and an archive that got the heads of all its chains once."""
    site = Site.create(tmp_path / "site", "st-mary", "St Mary's", hosts=["localhost"])
    keys = {name: FileSigner(StateLayout(device.state).key(name)).public_key for name in ("identity", "signing")}
    with site.registry.writing() as rows:
        rows.execute(
            "INSERT INTO device (id, name, state, digits, identity_key, signing_key, enrolled_at, changed_at) "
            "VALUES (?, 'Ward 3', ?, '000000', ?, ?, 0, 0)",
            (DEVICE, DeviceState.ACTIVE.value, public_der(keys["identity"]), public_der(keys["signing"])),
        )
    archive = Archive.open(ArchiveSettings.in_folder(tmp_path / "archive"))
    heads = [json.loads(path.read_bytes()) for path in sorted((device.state / "ledger").glob("*.head"))]
    with archive.intake() as intake:
        assert keep_heads(intake.ledger(DEVICE), DEVICE, heads, site.ledger_keys(DEVICE), intake.now_ms) == 0
    yield site, archive
    archive.close()


def test_the_hospital_knows_the_keys_of_the_chains_that_enrolled(hospital, device):
    site, archive = hospital
    keys = site.ledger_keys(DEVICE)
    assert keys["camera"] == FileSigner(StateLayout(device.state).key("signing")).public_key
    assert keys["sync"] == FileSigner(StateLayout(device.state).key("identity")).public_key
    assert keys["panel"] is None
    assert set(site.ledger_keys(DeviceId("wl-nobody")).values()) == {None}
    facts = verify_at_hospital(archive, site, DEVICE, device.state / "ledger")
    assert {chain: (row["whole"], row["lines"], row["signed"]) for chain, row in facts.items()} == {
        "camera": (True, 4, True),
        "panel": (True, 4, False),
        "sync": (True, 4, True),
    }


def test_a_line_that_was_altered_is_explained_at_the_hospital(hospital, device):
    site, archive = hospital
    path = device.state / "ledger" / "panel.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], lines[3].replace(b"service-stopped", b"service-started")]))
    first = verify_at_hospital(archive, site, DEVICE, device.state / "ledger")["panel"]["first"]
    assert first.startswith("Line 4 (service-started) has another hash than the head signs for")
    assert "The hospital was given a head for line 4" in first


def test_a_device_that_was_never_here_and_a_folder_that_is_not_are_wrong_requests(hospital, tmp_path):
    site, archive = hospital
    with pytest.raises(RequestWrong, match="wardlens site show"):
        verify_at_hospital(archive, site, "wl-nobody", None)
    with pytest.raises(RequestWrong, match="--ledger"):
        verify_at_hospital(archive, site, DEVICE, tmp_path / "nowhere")


def test_the_lines_are_written_out_as_fhir_one_a_line(hospital, device, tmp_path):
    site, archive = hospital
    out = tmp_path / "ledger.ndjson"
    assert export_at_hospital(archive, site, DEVICE, device.state / "ledger", out) == 12
    events = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert {event["resourceType"] for event in events} == {"AuditEvent"}
    assert out.stat().st_mode & 0o777 == 0o600
    (device.state / "ledger" / "camera.jsonl").write_bytes(b"nonsense\n")
    with pytest.raises(WorkFailed, match="Verify the ledger first"):
        export_at_hospital(archive, site, DEVICE, device.state / "ledger", out)
