"""What the hospital refused for good is seen, sent again or carried there, on the record, and never lost."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from capture.vault import State
from firmware.commands.device_parked import app
from firmware.device import open_vault
from firmware.errors import RequestWrong, WorkFailed
from firmware.parked import export, parked_rows, retry
from firmware.settings import Settings


@pytest.fixture
def device(tmp_path, sealed):
    """Three pictures, two of them parked."""
    settings = Settings(state=tmp_path / "state", vault={"reserve_megabytes": 1})
    settings.state.mkdir(mode=0o700)
    envelopes = [sealed(counter) for counter in (1, 2, 3)]
    with open_vault(settings) as vault:
        for envelope in envelopes:
            vault.put(envelope)
        for envelope in envelopes[:2]:
            vault.offered(envelope.capture)
            vault.park(envelope.capture, "unknown-device")
    return SimpleNamespace(settings=settings, envelopes=envelopes, folder=tmp_path)


def states(device):
    with open_vault(device.settings) as vault:
        return [entry.state for entry in vault.entries()]


def told(device):
    """What the panel's chain says: event, capture."""
    path = device.settings.state / "ledger" / "panel.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(line["event"], line["facts"]["capture"]) for line in lines if "capture" in line["facts"]]


def test_what_is_parked_is_listed_with_the_reason(device):
    rows = parked_rows(device.settings)
    assert [(row["capture"], row["reason"], row["offers"]) for row in rows] == [
        (envelope.capture, "unknown-device", 1) for envelope in device.envelopes[:2]
    ]
    assert [row["bytes"] for row in rows] == [len(envelope.raw) for envelope in device.envelopes[:2]]


def test_a_parked_picture_is_sent_again_and_it_is_on_the_ledger_by_whom(device):
    first = device.envelopes[0].capture
    assert retry(device.settings, [first]) == [first]
    assert states(device) == [State.SEALED, State.PARKED, State.SEALED]
    assert told(device) == [("retried", first)]
    assert retry(device.settings, [], every=True) == [device.envelopes[1].capture]
    assert states(device) == [State.SEALED] * 3
    assert retry(device.settings, [], every=True) == []


@pytest.mark.parametrize("name", ["", "nonsense", "0" * 32, "../../etc/passwd"])
def test_a_picture_that_is_not_parked_changes_nothing(device, name):
    for asked in ([name], [device.envelopes[0].capture, name], [device.envelopes[2].capture]):
        with pytest.raises(RequestWrong, match="is parked here"):
            retry(device.settings, asked)
    with pytest.raises(RequestWrong, match="is parked here"):
        export(device.settings, name, device.folder / "out.wle")
    assert states(device) == [State.PARKED, State.PARKED, State.SEALED]
    assert told(device) == []


def test_a_parked_picture_is_exported_as_sealed_as_it_is_and_stays(device):
    envelope, out = device.envelopes[1], device.folder / "out.wle"
    assert export(device.settings, envelope.capture, out) == len(envelope.raw)
    assert out.read_bytes() == envelope.raw
    assert out.stat().st_mode & 0o077 == 0
    assert states(device) == [State.PARKED, State.PARKED, State.SEALED]
    assert told(device) == [("exported", envelope.capture)]
    with pytest.raises(RequestWrong, match="new file"):
        export(device.settings, envelope.capture, out)
    with pytest.raises(WorkFailed, match="still on the device"):
        export(device.settings, envelope.capture, device.folder / "no" / "folder")


def test_a_picture_whose_file_is_gone_is_listed_and_cannot_be_exported(device):
    envelope = device.envelopes[0]
    for path in (device.settings.state / "vault").rglob(f"{envelope.capture}.wle"):
        path.unlink()
    assert len(parked_rows(device.settings)) == 2
    with pytest.raises(RequestWrong, match="nothing to export"):
        export(device.settings, envelope.capture, device.folder / "out.wle")
    assert not (device.folder / "out.wle").exists()


def test_the_command_lists_retries_and_exports(device):
    def run(*words: str) -> str:
        ran = CliRunner().invoke(app, [*words, "--state", str(device.settings.state)])
        assert ran.exit_code == 0, ran.output
        return ran.output

    rows = json.loads(run("--json"))
    assert len(rows) == 2
    assert "sealed" in run("export", rows[0]["capture"], "--out", str(device.folder / "a.wle"))
    assert "Sending again: 1" in run("retry", rows[0]["capture"])
    assert "Sending again: 1" in run("retry", "--all")
    assert "Nothing is parked" in run()
    for wrong in (["retry"], ["retry", "--all", rows[0]["capture"]]):
        assert isinstance(CliRunner().invoke(app, wrong).exception, RequestWrong)
