"""The archive: durable before it answers, once for each capture, on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from sync.receiver import Archive, ArchiveDamaged, ArchiveSettings, ArchiveTooNew, ArchiveUnavailable, Limits, NotFiled
from sync.receiver.archive import schema
from sync.receiver.archive.database import open_engine, reading, writing
from sync.receiver.archive.objects import Objects
from sync.receiver.archive.tables import metadata


def test_migrations_end_at_exactly_the_tables_of_the_code(archive):
    with reading(archive._engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert schema.revision_of(connection) == schema.known_head()


def test_receivers_that_start_together_migrate_once(tmp_path, database):
    url = database or f"sqlite:///{tmp_path / 'a.sqlite'}"
    failures = []

    def start():
        engine = open_engine(url)
        try:
            schema.bring_up_to_date(engine)
        except Exception as error:  # noqa: BLE001 - whatever it was is what the test is about
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_an_archive_of_a_newer_wardlens_is_left_alone(archive):
    with writing(archive._engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ArchiveTooNew):
        schema.bring_up_to_date(archive._engine)
    with reading(archive._engine) as connection:
        assert schema.revision_of(connection) == "9999"


def test_a_migration_that_is_interrupted_leaves_no_half_archive(tmp_path, monkeypatch, database):
    engine = open_engine(database or f"sqlite:///{tmp_path / 'a.sqlite'}")
    with monkeypatch.context() as patched:

        def broken(*_):
            original(*_)
            raise RuntimeError("power cut")

        original = schema.command.upgrade
        patched.setattr(schema.command, "upgrade", broken)
        with pytest.raises(RuntimeError):
            schema.bring_up_to_date(engine)
    with reading(engine) as connection:
        assert schema.revision_of(connection) is None
        assert [t for t in engine.dialect.get_table_names(connection) if t != "alembic_version"] == []
    schema.bring_up_to_date(engine)
    engine.dispose()


def test_sqlite_commits_are_synced_to_the_disk(small_archive):
    with reading(small_archive._engine) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "not a url", "sqlite:///:memory:"])
def test_a_database_that_cannot_be_used_is_one_sentence(url):
    with pytest.raises(ArchiveUnavailable) as caught:
        open_engine(url)
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize("digest", ["ab" * 32, "cd" * 32], ids=["the-first", "the-next"])
def test_an_object_is_synced_before_it_has_its_name_and_its_folder_before_put_returns(tmp_path, digest, program):
    strace, trace = program("strace"), tmp_path / "trace"
    code = (
        "import sys; from sync.receiver.archive.objects import Objects;"
        "o = Objects.open(sys.argv[1], {});"
        "put = lambda digest: (print('begin ' + digest, flush=True), o.put('envelopes', digest, b'x' * 5000));"
        "put('ab' * 32); put('cd' * 32); print('begin end', flush=True)"
    )
    subprocess.run(
        [strace, "-f", "-y", "-e", "trace=write,fsync,rename", "-o", trace, sys.executable, "-c", code, tmp_path / "o"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    lines = trace.read_text().partition(f"begin {digest[:8]}")[2].partition('"begin ')[0].splitlines()
    (renamed,) = (number for number, line in enumerate(lines) if "rename(" in line)
    before, after = lines[:renamed], lines[renamed:]
    assert any("fsync(" in line and ".part>" in line for line in before), "the file, under a name that nobody reads"
    for folder, what in ((f"envelopes/{digest[:2]}", "its folder"), ("envelopes", "where the folder's name is")):
        assert any("fsync(" in line and f"{folder}>" in line for line in after), what


def test_an_object_that_was_changed_is_never_given(small_archive, ward, hospital, tmp_path):
    envelope = ward.envelope()
    ingest = ward.ingest(small_archive)
    hospital.receive(ingest, [hospital.offer_of(envelope), *hospital.chunks_of(envelope)])
    filed = small_archive.capture(envelope.capture)
    path = next((tmp_path / "archive/objects/envelopes").rglob("*.wle"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ArchiveDamaged):
        small_archive.envelope(filed)
    path.unlink()
    with pytest.raises(ArchiveDamaged):
        small_archive.envelope(filed)


def test_a_capture_that_is_not_filed_is_said_to_be_so(small_archive):
    with pytest.raises(NotFiled):
        small_archive.capture("0" * 32)


def test_what_the_archive_gives_back_is_what_was_filed(archive, ward, hospital):
    envelopes = [ward.envelope(number) for number in (1, 2, 3)]
    ingest = ward.ingest(archive)
    for envelope in envelopes:
        hospital.receive(ingest, [hospital.offer_of(envelope), *hospital.chunks_of(envelope)])
    newest = archive.newest(2)
    assert [filed.counter for filed in newest] == [3, 2]
    assert [filed.counter for filed in archive.newest(2, before=newest[-1].filed)] == [1]
    assert [filed.counter for filed in archive.everything(page=1)] == [1, 2, 3]
    assert archive.envelope(newest[0]) == envelopes[2].raw
    assert (newest[0].patient, newest[0].body_site, newest[0].laterality) == ("PAT-00003", "84607009", "left")
    counts = archive.counts()
    assert (counts.captures, counts.devices, counts.open_uploads) == (3, 1, 0)
    assert counts.bytes == sum(len(envelope.raw) for envelope in envelopes)


def test_an_upload_that_its_device_forgot_is_thrown_away_after_a_week(make_archive, ward, hospital):
    now = [1_000_000]
    archive = make_archive(clock=lambda: now[0], limits=Limits(forget_after_ms=1000))
    envelope = ward.envelope()
    hospital.receive(ward.ingest(archive), hospital.chunks_of(envelope)[:1])
    now[0] += 900
    assert archive.forget_stale_uploads() == 0
    now[0] += 200
    assert archive.forget_stale_uploads() == 1
    assert archive.counts().open_uploads == 0


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArchiveUnavailable, match="Choose another"):
        Objects.open(str(tmp_path / "file" / "objects"), {})


def test_a_bucket_is_an_object_store_like_a_folder(tmp_path, ward, hospital, bucket):
    url, options = bucket
    archive = Archive.open(ArchiveSettings(f"sqlite:///{tmp_path / 'a.sqlite'}", url, options))
    envelope = ward.envelope()
    hospital.receive(ward.ingest(archive), [hospital.offer_of(envelope), *hospital.chunks_of(envelope)])
    filed = archive.capture(envelope.capture)
    assert archive.envelope(filed) == envelope.raw
    with pytest.raises(ArchiveDamaged):
        archive._objects.get("envelopes", "0" * 64)
    archive.check()
    archive.close()


def test_a_bucket_that_does_not_answer_is_one_sentence(tmp_path):
    options = {"endpoint": "http://127.0.0.1:9", "region": "x", "access_key_id": "x", "secret_access_key": "x"}
    objects = Objects.open("s3://wardlens", options | {"allow_http": "true"})
    with pytest.raises(ArchiveUnavailable):
        objects.check()
