"""The judge of these tests sees each promise that is broken, or all that it lets pass would say nothing."""

from __future__ import annotations

import contextlib
import signal

import pytest

from sync.receiver.archive.tables import outbox
from sync.receiver.errors import ArchiveDamaged


@contextlib.contextmanager
def written(path, data):
    """These bytes in a file, until the block ends; what was there comes back."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(data)
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


@pytest.fixture
def waiting(ward):
    """The capture and the file of a picture that waits, because nobody sends it."""
    ward.stop("sync")
    ward.take()
    ward.nothing_is_lost()
    ((capture, path),) = ward.envelopes().items()
    yield capture, path
    ward.nothing_is_lost()
    ward.run("sync")
    ward.settle()
    ward.all_is_well()


def test_an_envelope_that_is_gone_without_being_filed_is_seen(ward, waiting):
    capture, path = waiting
    moved = path.rename(path.with_suffix(".away"))
    with pytest.raises(AssertionError, match=f"{capture} was reported as taken, and is in no place"):
        ward.nothing_is_lost()
    moved.rename(path)


def test_an_envelope_that_changed_in_the_vault_is_seen(ward, waiting):
    capture, path = waiting
    with (
        written(path, path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
        pytest.raises(AssertionError, match=f"{capture} changed in the vault"),
    ):
        ward.nothing_is_lost()


@pytest.mark.parametrize("which", [0, 1, -1], ids=["patient", "pixels", "jpeg"])
def test_plaintext_on_the_device_or_in_a_log_is_seen(ward, waiting, which):
    for folder in (ward.place.settings.state, ward.place.logs, ward.place.broker):
        file = folder / "leak"
        with (
            written(file, b"..." + ward.canaries[which] + b"..."),
            pytest.raises(AssertionError, match=f"plaintext in {file}"),
        ):
            ward.nothing_is_seen()


def test_a_row_that_names_a_patient_where_no_record_belongs_is_seen(ward, waiting):
    with ward.rows() as connection:
        row = {"kind": "none", "capture": "", "topic": "", "payload": ward.canaries[0], "written_at_ms": 0}
        connection.execute(outbox.insert().values(row))
        connection.commit()
        with pytest.raises(AssertionError, match="outbox"):
            ward.nothing_is_in_the_dumps()
        connection.execute(outbox.delete().where(outbox.c.kind == "none"))
        connection.commit()


def test_an_object_that_changed_in_the_archive_is_seen(ward):
    capture = next(iter(ward.settled))
    (path,) = (ward.place.settings.receiver.archive / "objects").rglob(f"{ward.taken[capture]}.wle")
    ward.read.discard(capture)
    with written(path, path.read_bytes()[:-1]), pytest.raises(ArchiveDamaged):
        ward.the_archive_gives_it_back()


def test_a_service_that_ended_by_itself_is_not_waited_for(ward, waiting):
    signal.pidfd_send_signal(ward.run("sync").handle, signal.SIGKILL)
    with pytest.raises(AssertionError, match="a service ended by itself"):
        ward.until(lambda: False, "what never comes")


def test_an_envelope_that_was_freed_by_a_receipt_for_another_is_seen(ward):
    capture = next(iter(ward.settled))
    rightly, ward.taken[capture] = ward.taken[capture], "0" * 64
    ward.settled.discard(capture)
    with pytest.raises(AssertionError):
        ward.what_is_gone_has_its_receipt()
    ward.taken[capture] = rightly
    ward.what_is_gone_has_its_receipt()
    assert capture in ward.settled


def test_a_picture_that_never_arrives_is_waited_for_in_vain(ward, waiting, bench, monkeypatch):
    monkeypatch.setattr(bench, "PATIENCE", 0.5)
    ward.run("sync", traced=True)  # by nobody, so that it never begins
    with pytest.raises(AssertionError, match="it did not all arrive"):
        ward.settle()
