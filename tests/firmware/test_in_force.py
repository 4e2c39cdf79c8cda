"""What a service takes up is on its chain once, whoever fetched it and whether the service ran then or not."""

from __future__ import annotations

import errno
from dataclasses import replace
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from capture.disk import RealFiles
from capture.envelope import KeySigner
from capture.errors import StillRefused
from capture.ledger import Ledger, LedgerEvent, parse_line
from firmware.commands.device import app
from firmware.device import sealing_forward
from firmware.in_force import InForce
from firmware.ledgers import verify_ledgers
from firmware.settings import load_settings
from firmware.updating.record import Reason, Record, Step
from firmware.wiping import wipe_state
from provisioning.errors import InvitationRefused
from provisioning.updates import Version

SIGNER = KeySigner(ec.derive_private_key(7, ec.SECP256R1()))


def identity(version, serial):
    return SimpleNamespace(
        manifest=SimpleNamespace(version=version, sealing=[SimpleNamespace(key_id=f"{version:064x}")]),
        chain=[SimpleNamespace(serial_number=serial)],
    )


def lines(folder):
    parsed = [parse_line(raw) for raw in (folder / "sync.jsonl").read_bytes().splitlines()]
    return [
        (line.event, *(line.facts[name] for name in sorted(line.facts) if name != "sealing_key")) for line in parsed
    ]


def begun(ledger, of):
    in_force = InForce(ledger, lambda one: one.chain[0])
    in_force.started(of, "0.1.0")
    return in_force


def test_a_first_start_takes_its_manifest_and_renews_nothing(tmp_path):
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        begun(ledger, identity(1, 0xA)).taken(identity(1, 0xA))
    assert lines(tmp_path) == [("manifest-taken", 1), ("service-started", "a", "0.1.0")]


def updates(folder):
    return [line for line in lines(folder) if str(line[0]).startswith("update-")]


def test_an_update_is_on_the_chain_from_its_beginning_to_its_end_each_once(tmp_path):
    begun = Record(Step.INSTALLING, 7, Version(2026, 48, 1), *[Version(2026, 40, 0)] * 2, slot="A", boot="1", tries=1)
    confirmed, bad = replace(begun, step=Step.CONFIRMED), {"reason": Reason.NOT_WELL, "said": "It is not well."}
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        in_force = InForce(ledger, lambda one: one.chain[0])
        for record in (None, begun, begun, replace(begun, step=Step.INSTALLED)):
            in_force.updated(record)
    with Ledger(tmp_path, "sync", SIGNER) as ledger:  # after the restart
        in_force = InForce(ledger, lambda one: one.chain[0])
        for record in (confirmed, confirmed, replace(begun, number=8, step=Step.FAILED, **bad)):
            in_force.updated(record)
        in_force.updated(replace(begun, number=9, slot="", step=Step.FAILED, **bad))
    assert updates(tmp_path) == [
        ("update-begun", 7, "2026.48.1"),
        ("update-confirmed", 7, "2026.48.1"),
        ("update-begun", 8, "2026.48.1"),
        ("update-failed", 8, "not-well", "2026.48.1"),
    ]


def test_what_changes_while_it_runs_is_said_once(tmp_path):
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        in_force = begun(ledger, identity(1, 0xA))
        for of in (identity(2, 0xA), identity(2, 0xB), identity(2, 0xB)):
            in_force.taken(of)
        sealing = ledger.last(LedgerEvent.MANIFEST_TAKEN).facts["sealing_key"]
    assert lines(tmp_path)[2:] == [("manifest-taken", 2), ("certificate-renewed", "b")]
    assert sealing == f"{2:064x}"


def test_what_changed_while_it_was_off_is_said_before_it_starts(tmp_path):
    for of in (identity(1, 0xA), identity(3, 0xB), identity(3, 0xB), identity(3, 0xC)):
        with Ledger(tmp_path, "sync", SIGNER) as ledger:
            begun(ledger, of)
    assert lines(tmp_path)[2:] == [
        ("manifest-taken", 3),
        ("certificate-renewed", "b"),
        ("service-started", "b", "0.1.0"),
        ("service-started", "b", "0.1.0"),
        ("certificate-renewed", "c"),
        ("service-started", "c", "0.1.0"),
    ]


def test_a_manifest_that_was_put_back_seals_nothing_also_after_a_start(tmp_path):
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        taken = sealing_forward(begun(ledger, identity(3, 0xA)))
        taken(identity(4, 0xA))
        with pytest.raises(StillRefused, match="newer keys"):
            taken(identity(3, 0xA))
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        taken = sealing_forward(begun(ledger, identity(3, 0xA)))
        with pytest.raises(StillRefused, match="newer keys"):
            taken(identity(3, 0xA))
        taken(identity(4, 0xA))
    assert [line for line in lines(tmp_path) if line[0] == "manifest-taken"] == [
        ("manifest-taken", 3),
        ("manifest-taken", 4),
    ]


class FullDisk(RealFiles):
    full = False

    def sync(self, descriptor):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().sync(descriptor)


def test_a_full_disk_holds_nobody_up_and_the_change_is_said_when_there_is_room(tmp_path):
    files = FullDisk()
    with Ledger(tmp_path, "sync", SIGNER, files=files) as ledger:
        in_force = begun(ledger, identity(1, 0xA))
        files.full = True
        in_force.taken(identity(2, 0xA))
        assert ledger.last(LedgerEvent.MANIFEST_TAKEN).facts["version"] == 1
        files.full = False
        in_force.taken(identity(2, 0xA))
    assert lines(tmp_path)[2:] == [("manifest-taken", 2)]


def test_the_newest_line_of_an_event_is_found_and_none_where_there_is_none(tmp_path):
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        assert ledger.last(LedgerEvent.SERVICE_STOPPED) is None
        for reason in ("first", "second"):
            ledger.append(LedgerEvent.SIGN_IN_REFUSED, reason=reason)
        ledger.append(LedgerEvent.PAIRING_STARTED)
        assert ledger.last(LedgerEvent.SIGN_IN_REFUSED).facts == {"reason": "second"}
        assert ledger.last(LedgerEvent.SIGNED_IN) is None


def test_a_chain_that_is_closed_takes_no_line_into_whatever_file_comes_next(tmp_path):
    ledger = Ledger(tmp_path, "sync", SIGNER)
    ledger.close()
    other = (tmp_path / "other").open("w+b", buffering=0)
    with other, pytest.raises(Exception, match="audit log"):
        ledger.append(LedgerEvent.SERVICE_STOPPED)
    assert (tmp_path / "other").read_bytes() == b""


def test_the_panel_s_chain_begins_with_the_pairing_and_a_wipe_is_its_last_line(tmp_path, monkeypatch):
    state = tmp_path / "device"
    monkeypatch.setenv("WARDLENS_STATE", str(state))
    monkeypatch.setenv("WARDLENS_RUNTIME", str(tmp_path / "run"))
    seen = []

    def wiped(folder):
        seen.extend(parse_line(raw).event for raw in (folder / "ledger/panel.jsonl").read_bytes().splitlines())
        wipe_state(folder)

    monkeypatch.setattr("firmware.wiping.wipe_state", wiped)
    refused = CliRunner().invoke(app, ["pair", "--invitation", "WARDLENS1:nonsense"])
    assert isinstance(refused.exception, InvitationRefused)
    assert state.stat().st_mode & 0o077 == 0
    assert verify_ledgers(load_settings(None))["panel"]["whole"]
    assert CliRunner().invoke(app, ["wipe", "--yes"]).exit_code == 0
    assert seen == ["pairing-started", "pairing-failed", "wipe-started"]
    assert list(state.iterdir()) == []
