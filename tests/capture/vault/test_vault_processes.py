"""Several processes and threads at one vault."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from capture.vault import State, Vault

WORKER = Path(__file__).parent / "worker.py"


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(WORKER), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def test_two_processes_put_while_a_third_takes_out_and_none_is_lost(tmp_path, sealed):
    putters = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        for counter in range(15):
            (tmp_path / name / f"{counter:02}").write_bytes(sealed(counter + 1, size=20_000).raw)
        putters.append(start("put", tmp_path / "vault", tmp_path / name))
    drainer = start("drain", tmp_path / "vault", 30)
    counts = [int(line) for putter in putters for line in finish(putter).split()]
    finish(drainer)
    assert sorted(counts) == list(range(1, 31))
    with Vault(tmp_path / "vault", reserve_bytes=0) as vault:
        assert {entry.state for entry in vault.entries()} == {State.ERASED}
        assert vault.findings.lost == 0


def test_a_queue_rebuilt_by_one_process_under_the_hands_of_another_loses_nothing(tmp_path, sealed):
    (tmp_path / "in").mkdir()
    envelopes = [sealed(counter + 1) for counter in range(25)]
    for place, envelope in enumerate(envelopes):
        (tmp_path / "in" / f"{place:02}").write_bytes(envelope.raw)
    putter = start("put", tmp_path / "vault", tmp_path / "in")
    rebuilders = [start("rebuild", tmp_path / "vault") for _ in range(3)]
    counts = [int(line) for line in finish(putter).split()]
    for rebuilder in rebuilders:
        finish(rebuilder)
    assert counts == sorted(set(counts))
    with Vault(tmp_path / "vault", reserve_bytes=0) as vault:
        assert {entry.capture for entry in vault.pending()} == {envelope.capture for envelope in envelopes}


@pytest.mark.parametrize("disturbed", [False, True], ids=["calm", "rebuilt meanwhile"])
def test_threads_share_one_vault(tmp_path, sealed, disturbed):
    envelopes = [sealed(counter + 1) for counter in range(24)]
    counts: list[int] = []
    with Vault(tmp_path / "vault", reserve_bytes=0) as vault:

        def work(mine):
            for envelope in mine:
                counts.append(vault.next_counter())
                vault.put(envelope)
                vault.entries()
                if not disturbed:  # a rebuilt queue has forgotten receipts, and then refuses to erase
                    vault.receipted(envelope.capture, envelope.digest, b"r")
                    vault.erase(envelope.capture)

        threads = [threading.Thread(target=work, args=(envelopes[place::4],)) for place in range(4)]
        for thread in threads:
            thread.start()
        if disturbed:
            vault.rebuild()
        for thread in threads:
            thread.join()
        assert len(set(counts)) == 24
        assert len(vault.entries()) == 24
        assert len(vault.pending()) == (24 if disturbed else 0)


def test_opening_a_vault_never_sweeps_away_what_another_is_writing(tmp_path, sealed):
    # The lock is what says that somebody is writing: while it is held, opening waits.
    with Vault(tmp_path / "vault", reserve_bytes=0) as vault:
        vault.put(sealed(1))
        (tmp_path / "vault" / "envelopes" / "00").mkdir(exist_ok=True)
        part = tmp_path / "vault" / "envelopes" / "00" / "half.part"
        with vault._lock:
            part.write_bytes(b"half")
            opening = start("rebuild", tmp_path / "vault")
            while not waits_for_a_lock(opening.pid):
                assert opening.poll() is None, "it did not wait"
                time.sleep(0.01)
            assert part.exists()
        finish(opening)
        assert not part.exists()


def waits_for_a_lock(pid: int) -> bool:
    """Whether the kernel has this process waiting for an flock."""
    return any("->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines())
