"""The export: whole files or none, and the same again changes nothing."""

from __future__ import annotations

import hashlib
import json

import pytest

from sync.receiver import ExportRefused, export


@pytest.fixture
def filled(small_archive, ward, hospital):
    for number in (1, 2, 3):
        hospital.drive(ward.ingest(small_archive), ward.envelope(number))
    return small_archive


def test_every_capture_is_a_picture_and_its_record(filled, tmp_path, ward):
    done: list[int] = []
    report = export(filled, tmp_path / "out", progress=done.append)
    assert (len(report.written), report.unchanged, report.damaged, done) == (3, (), (), [1, 2, 3])
    for filed in filled.everything():
        picture = (tmp_path / "out" / f"{filed.capture}.jpg").read_bytes()
        record = json.loads((tmp_path / "out" / f"{filed.capture}.json").read_text())
        assert hashlib.sha256(picture).hexdigest() == record["picture"]["sha256"]
        assert record["manifest"]["image"]["sha256"] == record["picture"]["sha256"]
        assert record["receipt"]["digest"] == record["envelope"]["sha256"] == filed.digest
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_the_same_again_writes_nothing_and_repairs_what_was_changed(filled, tmp_path):
    out = tmp_path / "out"
    export(filled, out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert len(export(filled, out).unchanged) == 3
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    first = next(filled.everything())
    (out / f"{first.capture}.jpg").write_bytes(b"half")
    assert export(filled, out).written == (first.capture,)


def test_a_picture_that_was_changed_in_the_archive_is_reported_and_never_written(filled, tmp_path):
    victim = next((tmp_path / "archive/objects/pictures").rglob("*.jpg"))
    victim.write_bytes(victim.read_bytes() + b"x")
    report = export(filled, tmp_path / "out")
    assert (len(report.written), len(report.damaged)) == (2, 1)
    assert not (tmp_path / "out" / f"{report.damaged[0]}.jpg").exists()
    assert not (tmp_path / "out" / f"{report.damaged[0]}.json").exists()


def test_no_file_is_named_for_a_patient(filled, tmp_path):
    export(filled, tmp_path / "out")
    assert all(len(path.stem) == 32 for path in (tmp_path / "out").iterdir())


def test_an_unknown_format_is_refused(filled, tmp_path):
    with pytest.raises(ExportRefused, match="jpeg\\+json"):
        export(filled, tmp_path, "bmp")


def test_a_folder_that_cannot_be_written_is_one_sentence_and_leaves_nothing(filled, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    full = filled.newest(1)[0]
    (out / f"{full.capture}.json").mkdir()
    with pytest.raises(ExportRefused, match="Choose another"):
        export(filled, out)
    assert [path for path in out.iterdir() if path.name.startswith(".")] == []
