"""A receiver without an opening key files envelopes sealed; an opener that has the key opens them, once each."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import text

from capture.canonical import from_canonical
from sync.receiver import ArchiveUnavailable, NotOpened, Opener, OpeningKey, export, status
from sync.receiver.archive import Limits, Opening, schema
from sync.receiver.archive.database import open_engine, reading, writing
from sync.receiver.archive.values import OPENINGS
from sync.receiver.metrics import exposition

DYING = Path(__file__).parent / "dying_opener.py"
STEPS = ["counted", "before-put", "after-put", "before-commit", "after-commit"]


@pytest.fixture
def sealing(ward):
    """Makes receivers that hold no opening key."""

    def make(archive, **changes):
        return ward.ingest(archive, **({"keys": None, "key_ids": lambda: {ward.opening.key_id}} | changes))

    return make


@pytest.fixture
def file_sealed(sealing, ward, hospital):
    """Files so many captures sealed, and gives their envelopes."""

    def file(archive, numbers=1, **changes):
        envelopes = [ward.envelope(number, **changes) for number in range(1, numbers + 1)]
        for envelope in envelopes:
            assert hospital.drive(sealing(archive), envelope)[-1]["type"] == "receipt"
        return envelopes

    return file


@pytest.fixture
def opener(ward, hospital):
    """Makes openers, by default with the right key."""

    def make(archive, **changes):
        parts = {"site": hospital.SITE, "authorities": ward.trust.authorities, "keys": lambda: (ward.opening,)}
        return Opener(archive, **(parts | changes))

    return make


def picture_files(tmp_path):
    return sorted((tmp_path / "archive/objects/pictures").rglob("*.*"))


def test_a_receiver_without_a_key_files_the_envelope_and_signs_the_receipt(archive, file_sealed, tmp_path):
    (envelope,) = file_sealed(archive)
    filed = archive.capture(envelope.capture)
    assert (filed.opening, filed.opened, filed.opening_reason) == (Opening.SEALED, False, None)
    assert (filed.device, filed.counter, filed.length) == (envelope.device, envelope.counter, len(envelope.raw))
    assert (filed.manifest, filed.patient, filed.body_site, filed.picture_digest, filed.taken_at_ms) == (
        b"", "", "", "", None,
    )  # fmt: skip
    assert archive.envelope(filed) == envelope.raw
    assert picture_files(tmp_path) == []
    with pytest.raises(NotOpened):
        archive.picture(filed)
    receipt = json.loads(archive.receipt(envelope.capture).receipt)
    assert (receipt["digest"], receipt["capture"]) == (envelope.digest, envelope.capture)
    counts = archive.counts()
    assert (counts.captures, counts.sealed, counts.not_openable) == (1, 1, 0)


def test_a_receiver_without_a_key_refuses_what_one_with_a_key_refuses(small_archive, sealing, ward, hospital):
    stranger = ward.envelope(1, opening=OpeningKey.generate())
    forged = ward.envelope(2, issuer=hospital.Issuer())
    elsewhere = ward.envelope(3, site="other-site")
    bent = bytearray(ward.envelope(4).raw)
    bent[len(bent) // 2] ^= 1
    changed = hospital.loose(ward.envelope(4), bytes(bent), 4)
    reasons = [
        hospital.drive(sealing(small_archive), envelope)[-1]["reason"]
        for envelope in (stranger, forged, elsewhere, changed)
    ]
    assert reasons == ["not-openable", "bad-signature", "wrong-site", "bad-signature"]
    assert small_archive.counts().captures == 0


def test_a_receiver_that_was_told_of_no_key_gives_no_receipt(small_archive, sealing, ward, hospital):
    assert hospital.drive(sealing(small_archive, key_ids=tuple), ward.envelope())[-1]["reason"] == "not-openable"


def test_what_is_opened_later_is_what_would_have_been_filed_at_once(archive, file_sealed, opener, ward, hospital):
    envelopes = file_sealed(archive, 3)
    receipts = [archive.receipt(envelope.capture) for envelope in envelopes]
    report = opener(archive).open_waiting()
    assert (report.opened, report.not_openable) == (tuple(envelope.capture for envelope in envelopes), ())
    direct = ward.envelope(9)
    hospital.drive(ward.ingest(archive), direct)
    for envelope in (*envelopes, direct):
        filed = archive.capture(envelope.capture)
        picture = archive.picture(filed)
        assert filed.opened
        assert filed.patient == f"PAT-{envelope.counter:05}"
        assert (filed.body_site, filed.laterality, filed.urgent) == ("84607009", "left", False)
        assert (filed.picture_digest, filed.picture_length) == (hashlib.sha256(picture).hexdigest(), len(picture))
        assert from_canonical(filed.manifest)["image"]["sha256"] == filed.picture_digest
    assert [archive.receipt(envelope.capture) for envelope in envelopes] == receipts
    assert [filed.counter for filed in archive.everything()] == [1, 2, 3, 9]
    assert archive.counts().sealed == 0


def test_opening_again_opens_nothing_twice(archive, file_sealed, opener, tmp_path):
    file_sealed(archive, 2)
    opener(archive).open_waiting()
    before = {path: path.stat().st_mtime_ns for path in picture_files(tmp_path)}
    rows = list(archive.everything())
    again = opener(archive).open_waiting()
    assert (again.opened, again.not_openable, archive.ask_again()) == ((), (), 0)
    assert {path: path.stat().st_mtime_ns for path in picture_files(tmp_path)} == before
    assert list(archive.everything()) == rows


def test_a_device_that_offers_again_hears_the_same_receipt_sealed_or_opened(  # noqa: PLR0917 - pytest passes by name
    small_archive, file_sealed, sealing, opener, ward, hospital
):
    (envelope,) = file_sealed(small_archive)
    sealed = hospital.receive(sealing(small_archive), [hospital.offer_of(envelope)])
    opener(small_archive).open_waiting()
    assert hospital.receive(sealing(small_archive), [hospital.offer_of(envelope)]) == sealed
    assert hospital.receive(ward.ingest(small_archive), [hospital.offer_of(envelope)]) == sealed
    assert small_archive.capture(envelope.capture).opened


@pytest.mark.parametrize("step", STEPS)
def test_an_opener_killed_at_any_step_loses_nothing_and_opens_nothing_twice(  # noqa: PLR0917 - pytest passes by name
    step, archive, file_sealed, opener, ward, hospital, tmp_path
):
    first, second = file_sealed(archive, 2)
    told = {
        "database": archive._engine.url.render_as_string(hide_password=False),
        "objects": str(tmp_path / "archive/objects"),
        "site": hospital.SITE,
        "issuer": ward.issuer.certificate.public_bytes(Encoding.PEM).decode(),
        "opening": ward.opening.to_bytes().hex(),
        "step": step,
        "times": 2,
    }
    child = subprocess.run([sys.executable, DYING], input=json.dumps(told), capture_output=True, text=True, check=False)
    assert child.returncode == 9, child.stderr

    assert archive.capture(first.capture).opened, "the first was done with before"
    assert archive.capture(second.capture).opened == (step == "after-commit")
    for envelope in (first, second):
        filed = archive.capture(envelope.capture)
        assert archive.envelope(filed) == envelope.raw
        if filed.opened:
            archive.picture(filed)
    report = opener(archive).open_waiting()
    assert report.opened == (() if step == "after-commit" else (second.capture,))
    assert report.not_openable == ()
    assert archive.counts().captures == 2
    assert archive.counts().sealed == 0
    assert len(picture_files(tmp_path)) == 2
    assert all(archive.picture(filed) for filed in archive.everything())


def test_two_openers_that_have_one_capture_in_hand_open_it_once(archive, file_sealed, opener):
    file_sealed(archive)
    meeting = threading.Barrier(2, timeout=20)
    reports = []

    def work():
        step = lambda name: meeting.wait() if name == "after-put" else None  # noqa: E731 - one line is the story
        reports.append(opener(archive, step=step).open_waiting())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(report.opened) for report in reports) == [0, 1]
    assert [report.not_openable for report in reports] == [(), ()]
    assert next(archive.everything()).opened


def test_a_wrong_key_opens_nothing_and_the_capture_is_kept_until_somebody_asks(archive, file_sealed, opener):
    (envelope,) = file_sealed(archive)
    wrong = OpeningKey.generate()
    report = opener(archive, keys=lambda: (wrong,)).open_waiting()
    assert (report.opened, report.not_openable) == ((), ((envelope.capture, "no-key"),))
    filed = archive.capture(envelope.capture)
    assert (filed.opening, filed.opening_reason) == (Opening.NOT_OPENABLE, "no-key")
    assert archive.envelope(filed) == envelope.raw
    assert (archive.counts().sealed, archive.counts().not_openable) == (0, 1)

    assert opener(archive).open_waiting().opened == (), "not tried again by itself, not even with the right key"
    assert archive.ask_again() == 1
    assert archive.capture(envelope.capture).opening is Opening.SEALED
    assert opener(archive).open_waiting().opened == (envelope.capture,)
    filed = archive.capture(envelope.capture)
    assert (filed.opened, filed.opening_reason, archive.counts().not_openable) == (True, None, 0)


def test_an_envelope_that_rotted_in_the_archive_is_reported_and_opens_from_the_backup(
    small_archive, file_sealed, opener, tmp_path
):
    rotten, gone, whole = file_sealed(small_archive, 3)
    paths = {path.stem: path for path in (tmp_path / "archive/objects/envelopes").rglob("*.wle")}
    paths[rotten.digest].write_bytes(rotten.raw[:-1])
    paths[gone.digest].unlink()
    report = opener(small_archive).open_waiting()
    assert report.opened == (whole.capture,)
    assert report.not_openable == ((rotten.capture, "damaged"), (gone.capture, "damaged"))
    paths[rotten.digest].write_bytes(rotten.raw)
    paths[gone.digest].write_bytes(gone.raw)
    small_archive.ask_again()
    assert opener(small_archive).open_waiting().opened == (rotten.capture, gone.capture)


def test_what_somebody_put_into_the_archive_with_a_signature_of_his_own_is_not_opened(
    small_archive, file_sealed, opener, hospital, ward
):
    (true,) = file_sealed(small_archive)
    false = ward.envelope(1, issuer=hospital.Issuer(), jpeg=b"\xff\xd8\xff another picture")
    small_archive.put_envelope(false.digest, false.raw)
    with writing(small_archive._engine) as connection:
        connection.execute(text("UPDATE captures SET digest = :digest"), {"digest": false.digest})
    assert opener(small_archive).open_waiting().not_openable == ((true.capture, "authority"),)


def test_what_is_no_picture_is_not_opened_and_stops_nobody_else(  # noqa: PLR0917 - pytest passes by name
    small_archive, file_sealed, sealing, ward, hospital, opener
):
    bad = ward.envelope(8, jpeg=b"no picture")
    assert hospital.drive(sealing(small_archive), bad)[-1]["type"] == "receipt"
    (good,) = file_sealed(small_archive)
    report = opener(small_archive).open_waiting()
    assert (report.opened, report.not_openable) == ((good.capture,), ((bad.capture, "not-a-jpeg"),))


def test_a_capture_that_brings_its_opener_down_is_set_aside_after_so_many_tries(make_archive, file_sealed, opener):
    archive = make_archive(limits=Limits(attempts=2))
    poison, other = file_sealed(archive, 2)

    class PowerCut(BaseException):
        """As if the process had died."""

    def dies(name):
        if name == "counted":
            raise PowerCut

    for _ in range(2):
        with pytest.raises(PowerCut):
            opener(archive, step=dies).open_waiting()
    report = opener(archive).open_waiting()
    assert (report.opened, report.not_openable) == ((other.capture,), ((poison.capture, "too-many-tries"),))
    archive.ask_again()
    assert opener(archive).open_waiting().opened == (poison.capture,)


def test_an_archive_that_is_away_costs_no_capture_a_try(make_archive, file_sealed, opener, tmp_path):
    archive = make_archive(limits=Limits(attempts=1))
    (envelope,) = file_sealed(archive)
    pictures = tmp_path / "archive/objects/pictures"
    pictures.write_text("a file where the folder should be")
    for _ in range(3):
        with pytest.raises(ArchiveUnavailable):
            opener(archive).open_waiting()
    pictures.unlink()
    assert opener(archive).open_waiting().opened == (envelope.capture,)


def test_an_opener_that_follows_opens_what_arrives_and_ends_when_told(  # noqa: PLR0917 - pytest passes by name
    archive, file_sealed, sealing, opener, ward, hospital
):
    stop, opened = threading.Event(), threading.Semaphore(0)
    step = lambda name: opened.release() if name == "after-commit" else None  # noqa: E731 - one line is the story
    follower = opener(archive, step=step)
    file_sealed(archive, 2)
    thread = threading.Thread(target=follower.follow, args=(stop,), kwargs={"look_seconds": 0.02})
    thread.start()
    try:
        assert opened.acquire(timeout=20)
        assert opened.acquire(timeout=20)
        hospital.drive(sealing(archive), ward.envelope(3))
        assert opened.acquire(timeout=20)
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert all(filed.opened for filed in archive.everything())
    assert archive.counts().captures == 3


def test_status_and_metrics_count_what_is_sealed_and_what_could_not_be_opened(small_archive, file_sealed, opener):
    file_sealed(small_archive, 2)
    assert "\nwardlens_receiver_captures_sealed 2\n" in exposition(status(small_archive))
    opener(small_archive, keys=lambda: (OpeningKey.generate(),)).open_waiting()
    now = status(small_archive)
    assert "\nwardlens_receiver_captures_sealed 0\n" in exposition(now)
    assert "\nwardlens_receiver_captures_not_openable 2\n" in exposition(now)
    assert (now.to_json()["counts"]["sealed"], now.to_json()["counts"]["not_openable"]) == (0, 2)


def test_the_export_of_a_sealed_capture_is_its_envelope_and_later_its_picture(
    small_archive, file_sealed, opener, tmp_path
):
    (envelope,) = file_sealed(small_archive)
    out = tmp_path / "out"
    assert export(small_archive, out).written == (envelope.capture,)
    assert {path.suffix for path in out.iterdir()} == {".wle", ".json"}
    assert (out / f"{envelope.capture}.wle").read_bytes() == envelope.raw
    record = json.loads((out / f"{envelope.capture}.json").read_text())
    assert (record["opening"], record["picture"], record["manifest"]) == ("sealed", None, None)
    assert record["envelope"]["file"] == f"{envelope.capture}.wle"
    assert export(small_archive, out).unchanged == (envelope.capture,)
    opener(small_archive).open_waiting()
    assert export(small_archive, out).written == (envelope.capture,)
    record = json.loads((out / f"{envelope.capture}.json").read_text())
    picture = (out / f"{envelope.capture}.jpg").read_bytes()
    assert (record["opening"], record["picture"]["sha256"]) == ("opened", hashlib.sha256(picture).hexdigest())


def test_captures_of_an_older_archive_count_as_opened(tmp_path, database, hospital, monkeypatch):
    (tmp_path / "archive").mkdir()
    engine = open_engine(database or f"sqlite:///{tmp_path / 'archive/archive.sqlite'}")
    with monkeypatch.context() as older:
        older.setattr(schema, "known_head", lambda: "0003")
        upgrade = schema.command.upgrade
        older.setattr(schema.command, "upgrade", lambda config, _head: upgrade(config, "0003"))
        schema.bring_up_to_date(engine)
    with writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO captures (capture, device, site, digest, length, counter, received_at_ms, patient, "
                "body_site, urgent, picture_digest, picture_length, manifest) VALUES (:capture, 'bed-1', 'st-mary', "
                ":digest, 1, 1, 1, 'PAT', '', false, :digest, 1, :manifest)"
            ),
            {"capture": "0" * 32, "digest": "0" * 64, "manifest": b"{}"},
        )
        connection.execute(
            text("INSERT INTO receipts VALUES (:capture, 'receipt-1', :receipt, 1)"),
            {"capture": "0" * 32, "receipt": b"{}"},
        )
    engine.dispose()
    archive = hospital.open_archive(tmp_path / "archive", database=database)
    filed = archive.capture("0" * 32)
    assert (filed.opened, filed.patient, archive.counts().sealed) == (True, "PAT", 0)
    with reading(archive._engine) as connection:
        assert schema.revision_of(connection) == schema.known_head()
    archive.close()


def test_nothing_that_is_opened_becomes_anything_else():
    assert OPENINGS.keys() == set(Opening)
    assert OPENINGS[Opening.OPENED] == frozenset()
