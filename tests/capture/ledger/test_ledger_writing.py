"""One writer, durable lines, and what a power cut or a full disk leaves."""

from __future__ import annotations

import errno
import os
import stat
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from capture.disk import RealFiles
from capture.envelope import KeySigner
from capture.errors import LedgerBusy, LedgerDamaged, LedgerUnwritable
from capture.ledger import Ledger, LedgerEvent, open_ledger, parse_line, read_heads, verify_chain
from capture.ledger.chain import Line, hash_of

SIGNER = KeySigner(ec.derive_private_key(7, ec.SECP256R1()))
STRANGER = KeySigner(ec.derive_private_key(8, ec.SECP256R1()))


def lines(folder):
    return [parse_line(line) for line in (folder / "sync.jsonl").read_bytes().splitlines()]


def write(folder, count=3):
    with Ledger(folder, "sync", SIGNER, clock=lambda: 5) as ledger:
        for number in range(count):
            ledger.append(LedgerEvent.MANIFEST_TAKEN, version=number)


def assert_sound(folder, beyond=0):
    report = verify_chain(folder / "sync.jsonl", SIGNER.public_key, read_heads(folder)[0])
    assert report.sound, report.sentence
    assert report.beyond == beyond


def test_a_chain_goes_on_where_it_stopped(tmp_path):
    write(tmp_path)
    write(tmp_path)
    assert [line.sequence for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert_sound(tmp_path)


def test_the_head_is_known_from_the_start(tmp_path):
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        assert ledger.head is None
        head = ledger.append(LedgerEvent.SERVICE_STOPPED)
        assert ledger.head == head
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        assert ledger.head == head


def test_others_cannot_read_it_and_the_group_can(tmp_path):
    write(tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def test_a_second_writer_is_refused_and_a_second_chain_is_not(tmp_path):
    with Ledger(tmp_path, "sync", SIGNER):
        with pytest.raises(LedgerBusy):
            Ledger(tmp_path, "sync", SIGNER)
        with Ledger(tmp_path, "camera", STRANGER) as other:
            other.append(LedgerEvent.SERVICE_STOPPED)
    write(tmp_path)
    assert [head.chain for head in read_heads(tmp_path)] == ["camera", "sync"]


def test_facts_that_are_not_the_events_change_nothing(tmp_path):
    with Ledger(tmp_path, "sync", SIGNER) as ledger:
        with pytest.raises(ValueError, match="takes"):
            ledger.append(LedgerEvent.MANIFEST_TAKEN)
        ledger.append(LedgerEvent.MANIFEST_TAKEN, version=1)
    assert_sound(tmp_path)


def test_threads_take_turns(tmp_path):
    with Ledger(tmp_path, "sync", SIGNER) as ledger:

        def work():
            for _ in range(10):
                ledger.append(LedgerEvent.SERVICE_STOPPED)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(lines(tmp_path)) == 40
    assert_sound(tmp_path)


@pytest.mark.parametrize("torn", [b"{", b'{"at_ms":5,"chain":"sync"', b"\x00" * 300])
def test_a_line_cut_short_by_a_power_cut_goes_and_the_ledger_says_so(tmp_path, torn):
    write(tmp_path)
    with (tmp_path / "sync.jsonl").open("ab") as file:
        file.write(torn)
    write(tmp_path, 1)
    recovered = lines(tmp_path)[3]
    assert (recovered.event, recovered.facts) == (
        "ledger-recovered",
        {"bytes_cut": len(torn), "lines_unvouched": 0},
    )
    assert_sound(tmp_path)


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_last_line_that_the_head_had_no_time_to_sign_for_stays_and_the_ledger_says_so(tmp_path, before):
    write(tmp_path, before)
    path = tmp_path / "sync.jsonl"
    previous = hash_of(path.read_bytes().splitlines()[-1]) if before else "0" * 64
    line = Line("sync", before + 1, previous, 5, "service-stopped", {}).to_bytes()
    with path.open("ab") as file:
        file.write(line + b"\n")
    with Ledger(tmp_path, "sync", SIGNER):
        pass
    assert [line.event for line in lines(tmp_path)[before:]] == ["service-stopped", "ledger-recovered"]
    assert lines(tmp_path)[-1].facts == {"bytes_cut": 0, "lines_unvouched": 1}
    assert_sound(tmp_path)


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("torn", [b"", b'{"at_ms":5,"ch'])
def test_power_that_goes_again_while_a_chain_is_mended_leaves_no_damage(tmp_path, before, torn):
    write(tmp_path, before)
    path = tmp_path / "sync.jsonl"
    for sequence, event, facts in (
        (before + 1, "service-stopped", {}),
        (before + 2, "ledger-recovered", {"bytes_cut": 0, "lines_unvouched": 1}),
    ):
        previous = hash_of(path.read_bytes().splitlines()[-1]) if sequence > 1 else "0" * 64
        with path.open("ab") as file:
            file.write(Line("sync", sequence, previous, 5, event, facts).to_bytes() + b"\n")
    with path.open("ab") as file:
        file.write(torn)
    with Ledger(tmp_path, "sync", SIGNER):
        pass
    assert [line.event for line in lines(tmp_path)[before:]] == ["service-stopped", "ledger-recovered"]
    assert lines(tmp_path)[-1].facts == {"bytes_cut": len(torn), "lines_unvouched": 1}
    assert_sound(tmp_path)


def cut_a_line(folder):
    path = folder / "sync.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def cut_all(folder):
    (folder / "sync.jsonl").write_bytes(b"")


def take_the_head_away(folder):
    (folder / "sync.head").unlink()


def change_the_last_line(folder):
    path = folder / "sync.jsonl"
    path.write_bytes(path.read_bytes().replace(b'{"version":2}', b'{"version":3}'))


def garble_the_last_line(folder):
    path = folder / "sync.jsonl"
    path.write_bytes(path.read_bytes()[:-40] + b"?" * 39 + b"\n")


def sign_with_another_key(folder):
    with Ledger(folder / "other", "sync", STRANGER) as ledger:
        for number in range(3):
            ledger.append(LedgerEvent.MANIFEST_TAKEN, version=number)
    for name in ("sync.jsonl", "sync.head"):
        (folder / name).write_bytes((folder / "other" / name).read_bytes())


def add_two_lines(folder):
    path = folder / "sync.jsonl"
    for sequence in (4, 5):
        previous = hash_of(path.read_bytes().splitlines()[-1])
        with path.open("ab") as file:
            file.write(Line("sync", sequence, previous, 5, "service-stopped", {}).to_bytes() + b"\n")


def garble_the_head(folder):
    (folder / "sync.head").write_bytes(b"{}")


def put_another_chain_there(folder):
    with Ledger(folder, "camera", SIGNER) as ledger:
        for _ in range(3):
            ledger.append(LedgerEvent.SERVICE_STOPPED)
    (folder / "sync.jsonl").write_bytes((folder / "camera.jsonl").read_bytes())


def append_without_end(folder):
    with (folder / "sync.jsonl").open("ab") as file:
        file.write(b"x" * 50_000)


DAMAGES = [
    cut_a_line,
    cut_all,
    take_the_head_away,
    change_the_last_line,
    garble_the_last_line,
    sign_with_another_key,
    add_two_lines,
    garble_the_head,
    put_another_chain_there,
    append_without_end,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_chain_is_not_written_on_and_not_touched(tmp_path, damage):
    write(tmp_path)
    damage(tmp_path)
    before = (tmp_path / "sync.jsonl").read_bytes()
    with pytest.raises(LedgerDamaged) as refused:
        Ledger(tmp_path, "sync", SIGNER)
    assert refused.value.sentence.endswith(".")
    assert (tmp_path / "sync.jsonl").read_bytes() == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_care_goes_on_with_a_new_chain_that_names_the_damaged_one(tmp_path, damage):
    write(tmp_path)
    damage(tmp_path)
    old = (tmp_path / "sync.jsonl").read_bytes()
    with open_ledger(tmp_path, "sync", SIGNER) as ledger:
        ledger.append(LedgerEvent.SERVICE_STOPPED)
    assert (tmp_path / "sync.damaged-1").read_bytes() == old
    first = lines(tmp_path)[0]
    assert (first.event, first.facts) == ("ledger-begun-anew", {"old_file": hash_of(old)})
    assert "sync" in {head.chain for head in read_heads(tmp_path)}
    cut_all(tmp_path)
    with open_ledger(tmp_path, "sync", SIGNER):
        assert (tmp_path / "sync.damaged-2").exists()


def test_a_sound_chain_is_opened_as_it_is(tmp_path):
    write(tmp_path)
    with open_ledger(tmp_path, "sync", SIGNER) as ledger:
        assert ledger.head is not None
        assert ledger.head.sequence == 3


def test_a_long_chain_is_opened_from_its_end(tmp_path):
    write(tmp_path, 120)
    assert (tmp_path / "sync.jsonl").stat().st_size > 16_500
    write(tmp_path, 1)
    assert_sound(tmp_path)


class FailingFiles(RealFiles):
    """The real disk, but for the calls named in `failing`."""

    def __init__(self) -> None:
        self.failing: str = ""
        self.code = errno.EIO

    def _maybe(self, name: str) -> None:
        if name == self.failing:
            raise OSError(self.code, os.strerror(self.code))

    def write(self, descriptor, data):
        if self.failing == "write":
            os.write(descriptor, data[:10])
        self._maybe("write")
        super().write(descriptor, data)

    def sync(self, descriptor):
        self._maybe("sync")
        super().sync(descriptor)

    def create(self, path):
        self._maybe("create")
        return super().create(path)

    def rename(self, source, target):
        self._maybe("rename")
        super().rename(source, target)

    def sync_folder(self, path):
        self._maybe("sync_folder")
        super().sync_folder(path)


@pytest.mark.parametrize("call", ["write", "sync", "create", "rename", "sync_folder"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_when_the_disk_fails_nothing_half_written_stays_and_the_chain_goes_on(tmp_path, call, code):
    files = FailingFiles()
    with Ledger(tmp_path, "sync", SIGNER, files=files) as ledger:
        ledger.append(LedgerEvent.MANIFEST_TAKEN, version=1)
        files.failing, files.code = call, code
        with pytest.raises(LedgerUnwritable, match=r"\.$"):
            ledger.append(LedgerEvent.MANIFEST_TAKEN, version=2)
        files.failing = ""
        ledger.append(LedgerEvent.MANIFEST_TAKEN, version=3)
    assert_sound(tmp_path)
    versions = [line.facts["version"] for line in lines(tmp_path)]
    assert versions in ([1, 3], [1, 2, 3])
    write(tmp_path, 1)
    assert_sound(tmp_path)


@pytest.mark.parametrize("call", ["sync", "sync_folder"])
def test_a_line_that_could_not_even_be_taken_back_is_settled_before_the_next(tmp_path, monkeypatch, call):
    files = FailingFiles()
    with Ledger(tmp_path, "sync", SIGNER, files=files) as ledger:
        ledger.append(LedgerEvent.MANIFEST_TAKEN, version=1)
        files.failing = call
        with monkeypatch.context() as broken:
            broken.setattr("capture.ledger.ledger._head_in", _unread)
            for _ in range(2):
                with pytest.raises(LedgerUnwritable):
                    ledger.append(LedgerEvent.MANIFEST_TAKEN, version=2)
        files.failing = ""
        ledger.append(LedgerEvent.MANIFEST_TAKEN, version=3)
    assert [line.facts["version"] for line in lines(tmp_path)] == ([1, 2, 3] if call == "sync_folder" else [1, 3])
    assert_sound(tmp_path)


def _unread(_path):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_a_folder_that_cannot_be_made_is_said_to_be_unwritable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnwritable):
        Ledger(tmp_path / "file" / "ledger", "sync", SIGNER)


def test_heads_of_a_folder_that_is_not_there_are_none(tmp_path):
    assert read_heads(tmp_path / "none") == ()


def test_a_garbled_head_is_said_to_be_one(tmp_path):
    (tmp_path / "sync.head").write_bytes(b"garbage")
    with pytest.raises(LedgerDamaged, match="altered"):
        read_heads(tmp_path)
