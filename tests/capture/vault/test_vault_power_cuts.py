"""Whenever the process dies or the power goes: nothing taken is lost, nothing half-written is seen."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from capture.envelope import EnvelopeRefused, parse_envelope
from capture.vault import State, Vault

SCRIPT = Path(__file__).parent / "dying.py"


@pytest.fixture(scope="module")
def envelopes(tmp_path_factory, sealed):
    folder = tmp_path_factory.mktemp("envelopes")
    for counter in (1, 2):
        (folder / f"{counter}.wle").write_bytes(sealed(counter).raw)
    return folder


def run(scenario, mode, envelopes, out, *extra) -> list[Path]:
    out.mkdir()
    command = [sys.executable, str(SCRIPT), scenario, mode, str(envelopes), str(out), *extra]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(out.iterdir())


def told_in(folder: Path) -> list[list]:
    path = folder / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def judge(folder: Path) -> None:
    """Opens what is left, and checks every promise against what the dead process had been told."""
    told = told_in(folder)
    taken = {words[1]: words[2] for words in told if words[0] == "taken"}
    erased = {words[1] for words in told if words[0] == "erased"}
    counted = max((words[1] for words in told if words[0] == "counted"), default=0)
    with Vault(folder / "vault", reserve_bytes=0) as vault:
        entries = {entry.capture: entry for entry in vault.entries()}
        files = {path.stem: path for path in (folder / "vault" / "envelopes").rglob("*.wle")}
        assert vault.findings.lost == vault.findings.damaged == 0
        assert not list((folder / "vault").rglob("*.part"))
        for capture, digest in taken.items():
            held = capture in files
            assert held or entries[capture].receipt == b"receipt", "a taken envelope is lost"
            if capture in entries:
                assert entries[capture].digest == digest
            else:
                raise AssertionError("a taken envelope is not in the queue")
        for capture in erased:
            assert entries[capture].state is State.ERASED
        for capture, path in files.items():
            assert parse_envelope(path.read_bytes()).digest == entries[capture].digest
            assert entries[capture].state is not State.ERASED
        for capture, entry in entries.items():
            assert (capture in files) == (entry.state is not State.ERASED)
        assert vault.next_counter() > counted
        assert vault.condition().writable


@pytest.mark.parametrize(
    ("scenario", "mode"),
    [*product(["whole-life"], ["kill", "names", "data", "both"]), ("rebuilding", "kill"), ("rebuilding", "both")],
)
def test_at_whatever_step_it_ends_nothing_taken_is_lost(tmp_path, envelopes, scenario, mode):
    folders = run(scenario, mode, envelopes, tmp_path / "runs")
    assert len(folders) > 40
    assert ["opened"] not in told_in(folders[0])
    assert told_in(folders[-1])[-1] == ["end"]
    for folder in folders:
        judge(folder)


@pytest.mark.parametrize(("broken", "mode"), [("sync", "data"), ("sync_folder", "names")])
def test_a_vault_that_left_out_a_sync_would_be_found_out(tmp_path, envelopes, broken, mode):
    def is_sound(folder: Path) -> bool:
        try:
            judge(folder)
        except (AssertionError, KeyError, EnvelopeRefused):
            return False
        return True

    folders = run("whole-life", mode, envelopes, tmp_path / "runs", "--broken", broken)
    assert not all(is_sound(folder) for folder in folders)
