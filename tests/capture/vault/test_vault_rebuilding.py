"""The queue can be lost; the envelopes, the order and the count cannot."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys

import pytest

from capture.disk import RealFiles
from capture.errors import VaultUnwritable
from capture.vault import State, Vault
from capture.vault import queue as queue_module
from capture.vault.counter import BLOCK


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "vault"


def opened(folder, **how) -> Vault:
    return Vault(folder, reserve_bytes=0, **how)


def damage_header(folder):
    (folder / "queue.sqlite").write_bytes(b"not a database, whatever the name says" * 100)


def damage_pages(folder):
    data = bytearray((folder / "queue.sqlite").read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    (folder / "queue.sqlite").write_bytes(data)


def damage_empty(folder):
    (folder / "queue.sqlite").write_bytes(b"")


def damage_missing(folder):
    (folder / "queue.sqlite").unlink()


def damage_version(folder):
    connection = sqlite3.connect(folder / "queue.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def damage_tables(folder):
    connection = sqlite3.connect(folder / "queue.sqlite")
    connection.execute("DROP TABLE facts")
    connection.close()


def damage_states(folder):
    connection = sqlite3.connect(folder / "queue.sqlite")
    connection.execute("UPDATE entries SET state = 'seamed'")
    connection.commit()
    connection.close()


def damage_text(folder):
    connection = sqlite3.connect(folder / "queue.sqlite")
    connection.execute("UPDATE entries SET reason = CAST(X'ff' AS TEXT)")
    connection.commit()
    connection.close()


def damage_format(folder):
    with (folder / "queue.sqlite").open("r+b") as file:
        file.seek(44)  # the schema's format number
        file.write((9).to_bytes(4, "big"))


def damage_names(folder):
    data = (folder / "queue.sqlite").read_bytes()
    (folder / "queue.sqlite").write_bytes(data.replace(b"CREATE TABLE entries (", b"CREATE TABLE \xffntries ("))


DAMAGES = [
    damage_header, damage_pages, damage_empty, damage_missing, damage_version, damage_tables,
    damage_states, damage_text, damage_format, damage_names,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_queue_is_built_again_from_the_envelopes_alone(folder, sealed, damage):
    envelopes = [sealed(counter) for counter in (1, 2, 3)]
    with opened(folder) as vault:
        for envelope in envelopes:
            assert vault.next_counter() == envelope.counter
            vault.put(envelope)
        vault.receipted(envelopes[0].capture, envelopes[0].digest, b"r")
        vault.erase(envelopes[0].capture)
        vault.park(envelopes[1].capture, "refused")
    damage(folder)
    with opened(folder) as again:
        assert again.findings.adopted == 2
        assert [entry.counter for entry in again.pending()] == [2, 3]
        assert [again.read(envelope.capture) for envelope in envelopes[1:]] == [e.raw for e in envelopes[1:]]
        assert again.next_counter() > 3


def test_damage_in_the_middle_of_work_is_mended_in_the_middle_of_work(folder, sealed):
    envelopes = [sealed(counter) for counter in range(1, 40)]
    with opened(folder) as vault:
        for envelope in envelopes:
            vault.put(envelope)
        vault._queue._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage_pages(folder)
        vault._queue._connection.execute("PRAGMA shrink_memory")
        assert len(vault.pending()) == 39
        assert vault.offered(envelopes[0].capture).offers == 1
        assert vault.next_counter() > 39


class Unreadable(RealFiles):
    """The real disk, but for the envelopes whose names are in `broken`, and but for every rename while `stuck`."""

    def __init__(self):
        self.broken, self.stuck = set(), False

    def read(self, path, offset, length):
        if path.stem in self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(path, offset, length)

    def rename(self, source, target):
        if self.stuck and target.suffix == ".sqlite":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().rename(source, target)


@pytest.mark.parametrize("damage", [damage_header, damage_missing])
def test_an_envelope_that_cannot_be_read_keeps_nobody_from_the_others(folder, sealed, damage):
    with opened(folder) as vault:
        entries = [vault.put(sealed(vault.next_counter())) for _ in range(3)]
    damage(folder)
    files = Unreadable()
    files.broken = {entries[1].capture}
    with opened(folder, files=files) as vault:
        assert [entry.capture for entry in vault.pending()] == [entries[0].capture, entries[2].capture]
        assert (vault.findings.adopted, vault.findings.damaged) == (2, 1)
    with opened(folder) as vault:
        assert [entry.capture for entry in vault.pending()] == [entry.capture for entry in entries]


def test_a_queue_that_could_not_be_filled_is_never_in_force(folder, sealed, monkeypatch):
    """Others would go over to it, and see nothing that waits."""
    with opened(folder) as vault, opened(folder) as other:
        entry = vault.put(sealed(vault.next_counter()))
        with monkeypatch.context() as broken:
            broken.setattr("capture.vault.vault.compare", _fails)
            with pytest.raises(VaultUnwritable):
                vault.rebuild()
        assert [path.name for path in folder.glob("queue*.sqlite")] == ["queue.sqlite"]
        for one in (other, vault):
            assert [found.capture for found in one.pending()] == [entry.capture]
        vault.rebuild()
        assert [found.capture for found in other.pending()] == [entry.capture]


def _fails(*_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_vault_whose_rebuilding_failed_goes_on_when_the_disk_does(folder, sealed):
    files = Unreadable()
    with opened(folder, files=files) as vault:
        entry = vault.put(sealed(vault.next_counter()))
        files.stuck = True
        with pytest.raises(VaultUnwritable):
            vault.rebuild()
        assert vault.entry(entry.capture) == entry, "the queue before is in force"
        files.stuck = False
        vault.rebuild()
        assert vault.entry(entry.capture).digest == entry.digest


def test_damage_met_by_a_change_is_mended_too(folder, sealed):
    envelope = sealed(1)
    with opened(folder) as vault:
        vault.put(envelope)
        vault._queue._connection.execute("DROP TABLE facts")
        assert vault.next_counter() > 1
        assert vault.entry(envelope.capture).state is State.SEALED


def test_a_count_never_goes_back_even_if_the_queue_and_every_envelope_are_gone(folder, sealed):
    with opened(folder) as vault:
        last = max(vault.next_counter() for _ in range(BLOCK + 5))
    damage_missing(folder)
    with opened(folder) as again:
        assert again.next_counter() > last


def test_a_count_never_goes_back_even_if_the_file_beside_the_queue_is_gone_too(folder, sealed):
    with opened(folder) as vault:
        vault.put(sealed(700))
    damage_missing(folder)
    (folder / "counter").unlink(missing_ok=True)
    with opened(folder) as again:
        assert again.next_counter() == 701


@pytest.mark.parametrize("garbage", [b"", b"x\n", b"-1\n", b"12", b"9" * 40])
def test_a_counter_file_of_garbage_counts_on_from_the_queue(folder, garbage):
    with opened(folder) as vault:
        last = [vault.next_counter() for _ in range(3)][-1]
    (folder / "counter").write_bytes(garbage)
    with opened(folder) as again:
        assert again.next_counter() == last + 1


def test_an_older_copy_of_the_queue_counts_on_after_the_reserved_block(folder):
    with opened(folder) as vault:
        vault.next_counter()
    old = (folder / "queue.sqlite").read_bytes()
    with opened(folder) as vault:
        last = max(vault.next_counter() for _ in range(BLOCK + 3))
    (folder / "queue.sqlite").write_bytes(old)
    with opened(folder) as again:
        assert again.next_counter() > last


def test_a_count_is_durable_in_blocks_and_without_gaps_while_nothing_is_lost(folder):
    counts = []
    for _ in range(3):
        with opened(folder) as vault:
            counts += [vault.next_counter() for _ in range(BLOCK)]
    assert counts == list(range(1, 3 * BLOCK + 1))


def test_a_file_that_is_no_envelope_is_kept_and_shown(folder, sealed):
    envelope = sealed(5)
    with opened(folder) as vault:
        vault.put(envelope)
    shard = folder / "envelopes" / "00"
    shard.mkdir(exist_ok=True)
    (shard / f"{'0' * 32}.wle").write_bytes(b"bit rot")
    (shard / f"00{'1' * 30}.wle").write_bytes(envelope.raw)
    with opened(folder) as vault:
        assert (vault.findings.adopted, vault.findings.damaged) == (2, 2)
        parked = [entry for entry in vault.entries() if entry.state is State.PARKED]
        assert {entry.reason for entry in parked} == {"file-damaged"}
        assert len(vault.pending()) == 1
        assert (shard / f"{'0' * 32}.wle").exists()
    with opened(folder) as vault:
        assert vault.findings.adopted == 0


def test_an_envelope_whose_file_is_gone_is_shown_not_forgotten(folder, sealed):
    lost, kept = sealed(1), sealed(2)
    with opened(folder) as vault:
        vault.put(lost)
        vault.put(kept)
    (folder / "envelopes" / lost.capture[:2] / f"{lost.capture}.wle").unlink()
    with opened(folder) as vault:
        assert vault.findings.lost == 1
        assert (vault.entry(lost.capture).state, vault.entry(lost.capture).reason) == (State.PARKED, "file-missing")
        assert [entry.capture for entry in vault.pending()] == [kept.capture]
    with opened(folder) as vault:
        assert vault.findings.lost == 0


def test_an_erasure_that_was_cut_short_is_finished(folder, sealed):
    envelope = sealed(1)
    with opened(folder) as vault:
        vault.put(envelope)
        vault.receipted(envelope.capture, envelope.digest, b"r")
    (folder / "envelopes" / envelope.capture[:2] / f"{envelope.capture}.wle").unlink()
    with opened(folder) as vault:
        assert vault.entry(envelope.capture).state is State.ERASED
        assert vault.findings.lost == 0


def test_an_erased_envelope_that_came_back_with_an_old_disk_goes_again(folder, sealed):
    envelope = sealed(1)
    with opened(folder) as vault:
        vault.put(envelope)
        vault.receipted(envelope.capture, envelope.digest, b"r")
        vault.erase(envelope.capture)
    path = folder / "envelopes" / envelope.capture[:2] / f"{envelope.capture}.wle"
    path.write_bytes(envelope.raw)
    with opened(folder) as vault:
        assert vault.findings.leftover == (envelope.capture,)
        assert not path.exists()


def test_what_is_not_the_vaults_is_not_touched(folder, sealed):
    with opened(folder) as vault:
        vault.put(sealed(1))
    strange = [folder / "envelopes" / "README", folder / "envelopes" / "00" / "notes.txt", folder / "lost+found"]
    strange[1].parent.mkdir(exist_ok=True)
    for path in strange:
        path.write_text("mine")
    with opened(folder) as vault:
        assert len(vault.entries()) == 1
    assert all(path.read_text() == "mine" for path in strange)


def test_another_process_goes_over_to_a_rebuilt_queue(folder, sealed):
    ours, theirs = sealed(1), sealed(2)
    with opened(folder) as one, opened(folder) as other:
        one.put(ours)
        other.rebuild()
        other.put(theirs)
        assert [entry.counter for entry in one.pending()] == [1, 2]
        one.offered(theirs.capture)
        assert other.entry(theirs.capture).offers == 1


def test_only_the_queue_in_force_and_the_one_before_are_kept(folder, sealed):
    with opened(folder) as vault:
        vault.put(sealed(1))
        for _ in range(4):
            vault.rebuild()
        assert len(vault.pending()) == 1
    left = sorted(path.name for path in folder.iterdir() if path.name.startswith("queue"))
    assert left == ["queue.3.sqlite", "queue.4.sqlite"]


def test_a_new_version_of_the_queue_is_not_read_as_this_one(folder, monkeypatch, sealed):
    with opened(folder) as vault:
        vault.put(sealed(1))
    monkeypatch.setattr(queue_module, "SCHEMA_VERSION", 2)
    with opened(folder) as vault:
        assert vault.findings.adopted == 1


@pytest.mark.parametrize("read", range(1, 7))
def test_a_read_that_fails_while_the_queue_is_checked_does_not_forget_the_queue(
    folder, sealed, program, tmp_path, read
):
    strace, envelope = program("strace"), sealed(1)
    with opened(folder) as vault:
        vault.put(envelope)
        vault.receipted(envelope.capture, envelope.digest, b"r")
        vault.erase(envelope.capture)
    fails = ["-e", "trace=pread64", "-e", f"inject=pread64:error=EIO:when={read}", "-P", folder / "queue.sqlite"]
    code = "import sys; from pathlib import Path; from capture.vault import Vault; Vault(Path(sys.argv[1])).close()"
    command = [strace, "-f", "-qq", "-o", tmp_path / "trace", *fails, sys.executable, "-c", code, folder]
    subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert "(INJECTED)" in (tmp_path / "trace").read_text()
    with opened(folder) as vault:
        assert vault.entry(envelope.capture).receipt == b"r"
