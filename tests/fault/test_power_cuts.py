"""The power goes at any write of a service, and what was not synced goes with it (promises 3, 4, 6).

A real service is recorded, system call by system call, while it brings one picture on its way. From the record follows
what a disk would hold had the power gone after each call that changed it, in the worst ways that POSIX allows
(power.py). From each of these remains the vault, the ledger or the archive is opened as at the next start, and must
hold all that the service had promised by then.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import NullPool, create_engine, func
from sqlalchemy import select as rows_of

from capture.envelope import FileSigner
from capture.ledger import open_ledger
from capture.vault import State, Vault
from firmware.ledgers import KEYS, verify_ledgers
from provisioning.identity import DeviceIdentity, StateLayout
from sync.receiver.archive import Archive, ArchiveSettings
from sync.receiver.archive.tables import captures, chunks

CUTS = 40
"""How many of all the cuts of a service are judged in the ordinary run."""
PROMISED = frozenset({"chunks-committed", "after-commit"})
"""The steps of a receiver after which it acknowledges, or sends a receipt."""
COUNTED = (captures, chunks)


@dataclass(frozen=True)
class Moment:
    """One of the moments at which the power may go.

    Attributes:
        number: of the system call after which it is.
        said: what the service had said by then, line by line.
        left: what a power cut then leaves, in one of the ways of power.py.
    """

    number: int
    said: tuple[str, ...]
    left: Callable[[str], dict[str, bytes | None]]


class Record:
    """What a service did to a folder while it brought one picture on its way, and what it said meanwhile."""

    def __init__(self, power, disk, calls, words):
        self.power, self._disk, self._calls, self._words = power, disk, calls, words

    def moments(self):
        """Each call that changed the folder, or said something."""
        disk, said = copy.deepcopy(self._disk), ()
        for number, call in enumerate(self._calls):
            speaks = call.name == "write" and call.files[0] == self._words
            if speaks:
                said += (call.strings[0].decode().strip(),)
            if disk.apply(call) or speaks:
                yield Moment(number, said, lambda way, n=number: disk.left(way, Random(n)))

    def cuts(self, long, seed):
        """Every moment and each way in which the power may go at it, or by the seed some of them from all along."""
        every = [(moment.number, way) for moment in self.moments() for way in self.power.WAYS]
        assert len(every) > CUTS
        return set(every if long else Random(seed).sample(every, CUTS))


@pytest.fixture
def recorded(injection, power, tmp_path):
    """Runs one service of a ward to the end of one picture's way, and gives the record of what it did to a folder."""

    def record(ward, role, folder):
        words = {"capture": ward.told, "receiver": ward.place.folder / "marks"}.get(role, Path(os.devnull))
        victim = ward.run(role, traced=True, **({"marks": str(words)} if role == "receiver" else {}))
        disk, trace = power.Disk(folder), tmp_path / "trace"
        with injection.recorded(victim.pid, trace, power.CALLS):
            came = ward.ends_or_arrives(role)
            ward.stop(role)
        assert came == ("ended" if role == "capture" else "arrived"), ward.said(role)
        return Record(power, disk, list(power.calls(trace)), str(words))

    return record


def laid_out(left, origin, place):
    """These files, under another folder."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    for path, data in left.items():
        there = place / Path(path).relative_to(origin)
        if data is None:
            there.mkdir(exist_ok=True)
        else:
            there.write_bytes(data)
            there.chmod(0o600)
    return place


@contextlib.contextmanager
def when(seed, role, moment, way):
    """What goes wrong in here is told with when and how the power went."""
    try:
        yield
    except Exception as broken:  # noqa: BLE001 - whatever it was
        pytest.fail(f"seed {seed}, after call {moment.number} of the {role} service, {way}: {broken!r}")


def judge_device(ward, state, told, filed):
    """Asserts that this state folder holds, or has rightly let go, all that was taken, and goes on from there."""
    settings = ward.place.settings.model_copy(update={"state": state})
    with Vault(state / "vault", reserve_bytes=0) as vault:
        assert vault.findings.lost == vault.findings.damaged == 0
        entries = {entry.capture: entry for entry in vault.entries()}
        envelopes = {path.stem: path.read_bytes() for path in (state / "vault/envelopes").rglob("*.wle")}
        for capture, digest in told.items():
            if capture in envelopes:
                assert hashlib.sha256(envelopes[capture]).hexdigest() == digest
                assert entries[capture].state is not State.ERASED
            else:
                assert entries[capture].receipt == filed[capture][1], f"{capture} was taken, and is in no place"
        assert vault.next_counter() > max((entry.counter for entry in entries.values()), default=0)
    for chain in ("camera", "sync"):
        if (state / "ledger" / f"{chain}.jsonl").exists():
            open_ledger(state / "ledger", chain, FileSigner(StateLayout(state).key(KEYS[chain]))).close()
    ledgers = verify_ledgers(settings)
    assert all(chain["whole"] for chain in ledgers.values()), ledgers
    assert DeviceIdentity.load(state).device


def test_a_call_that_strace_tells_in_two_lines_is_read_as_one(power, tmp_path):
    trace = tmp_path / "trace"
    trace.write_text(
        "7 ftruncate(5, 1652176 <unfinished ...>\n8 getpid() = 8\n7 <... ftruncate resumed>)          = 0\n", "ascii"
    )
    first = next(call for call in power.calls(trace) if call.name == "ftruncate")
    assert power._last_number(first) == 1652176


@pytest.mark.parametrize("role", ["capture", "sync"])
def test_a_device_whose_power_goes_at_any_write_keeps_what_was_taken(role, ward, recorded, long, seed):
    state = ward.place.settings.state
    ward.stop("sync")
    if role == "sync":
        ward.take()
    record = recorded(ward, role, state)
    filed, cuts = ward.filed(), record.cuts(long, f"{seed}{role}")
    waiting = {capture: digest for capture, digest in ward.taken.items() if capture not in ward.settled}
    for moment in record.moments():
        told = waiting | dict(line.split() for line in moment.said)
        for way in (way for way in record.power.WAYS if (moment.number, way) in cuts):
            with when(seed, role, moment, way):
                judge_device(ward, laid_out(moment.left(way), state, ward.place.folder / "cut"), told, filed)
    sys.stdout.write(f"\n{role}: {len(cuts)} power cuts\n")
    ward.run("sync")
    ward.settle()
    ward.all_is_well()


def rows_in(settings):
    """How many captures are filed, and how many pieces wait."""
    engine = create_engine(settings.database, poolclass=NullPool)
    with engine.connect() as connection:
        filed, pieces = (connection.execute(rows_of(func.count()).select_from(one)).scalar_one() for one in COUNTED)
    engine.dispose()
    return filed, pieces


def judge_archive(folder, reached):
    """Asserts that this archive opens, and that all is in it that was when its receiver acknowledged.

    Args:
        folder: the archive's.
        reached: what :func:`rows_in` said then.
    """
    settings = ArchiveSettings.in_folder(folder)
    archive = Archive.open(settings)
    try:
        filed, pieces = rows_in(settings)
        # What is filed was in pieces before.
        assert (filed, pieces) >= reached, f"{filed} and {pieces} pieces are left of {reached}"
        for one in archive.everything():
            assert hashlib.sha256(archive.envelope(one)).hexdigest() == one.digest
            assert archive.picture(one)
            assert archive.receipt(one.capture)
    finally:
        archive.close()


def test_a_hospital_whose_power_goes_at_any_write_keeps_what_it_acknowledged(ward_with, recorded, long, seed):
    ward = ward_with()
    folder, place = ward.place.settings.receiver.archive, ward.place.folder / "cut"
    ward.stop("receiver")
    ward.take(2)
    record = recorded(ward, "receiver", folder)
    cuts, reached, heard = record.cuts(long, f"{seed}receiver"), (0, 0), 0
    for moment in record.moments():
        if moment.said[heard:] and moment.said[-1] in PROMISED:
            reached = rows_in(ArchiveSettings.in_folder(laid_out(moment.left(record.power.ALL), folder, place)))
        heard = len(moment.said)
        for way in (way for way in record.power.WAYS if (moment.number, way) in cuts):
            with when(seed, "receiver", moment, way):
                judge_archive(laid_out(moment.left(way), folder, place), reached)
    assert reached == (3, 0), "all was filed in the end"
    sys.stdout.write(f"\nreceiver: {len(cuts)} power cuts\n")
    ward.run("receiver")
    ward.settle()
    ward.all_is_well()
