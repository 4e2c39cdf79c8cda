"""What the receiver raises stays open until a person settles it, and on record for ever."""

from __future__ import annotations

import json
import threading

import pytest
from alembic import command
from sqlalchemy import text
from typer.testing import CliRunner

from capture.identifiers import DeviceId, SiteId
from firmware.commands.hospital import app
from firmware.errors import RequestWrong
from sync.receiver import Limits, alarm_events, status
from sync.receiver.alarms import AlarmKind, sentence
from sync.receiver.archive import Heartbeat, Raised, schema
from sync.receiver.archive.database import open_engine, writing
from sync.receiver.archive.tables import metadata
from sync.receiver.ingest import Delivery
from sync.receiver.metrics import exposition
from sync.receiver.patience import Patience

BED = DeviceId("bed-1")


def conflict(archive, ward, hospital):
    """Another picture under the number of a filed one."""
    ingest, first = ward.ingest(archive), ward.envelope(1)
    hospital.drive(ingest, first)
    hospital.drive(ingest, ward.envelope(2, capture=first.capture))


def revoked(archive, ward, hospital):
    hospital.receive(ward.ingest(archive), [hospital.offer_of(ward.envelope(1, device="old"))])


def limits(archive, ward, hospital):
    ingest = ward.ingest(archive)
    hospital.receive(ingest, [hospital.offer_of(ward.envelope(number)) for number in (1, 2)])


def nonsense(archive, ward, hospital):
    topic = hospital.offer_of(ward.envelope(1)).topic
    ward.ingest(archive, patience=Patience(lambda: 0.0, burst=3)).handle([Delivery(topic, b"nonsense")] * 5)


def fork(archive, ward, hospital):
    ward.ledgers[BED] = {"panel": None}
    heads = [{"chain": "panel", "sequence": 3, "hash": sign * 64, "signature": "0" * 128} for sign in "ab"]
    for head in heads:
        hospital.receive(ward.ingest(archive), [hospital.offer_of(ward.envelope(7), heads=[head])])


RAISING = {
    AlarmKind.CONFLICT: (conflict, "bed-1", "another picture under the number of a filed one"),
    AlarmKind.REVOKED: (revoked, "old", "goes on sending although it is revoked"),
    AlarmKind.LIMITS: (limits, "bed-1", "has sent as much as one device may"),
    AlarmKind.NONSENSE: (nonsense, "bed-1", "is not answered for a while"),
    AlarmKind.FORKED: (fork, "bed-1", "The chain panel of bed-1 came with another line 3 than before"),
}


@pytest.mark.parametrize("kind", RAISING)
def test_what_no_honest_device_does_is_raised_settled_and_raised_anew(kind, make_archive, database, ward, hospital):
    act, device, said = RAISING[kind]
    archive = make_archive(database=database, limits=Limits(open_uploads=1 if kind is AlarmKind.LIMITS else 32))
    act(archive, ward, hospital)
    (alarm,) = archive.alarms()
    assert (alarm.device, alarm.kind, alarm.settled_at_ms) == (device, kind, None)
    assert said in sentence(alarm)
    assert archive.settle(alarm.id, by="it-7", reason="card replaced")
    assert archive.alarms() == ()
    assert not archive.settle(alarm.id, by="it-8", reason="again")
    act(archive, ward, hospital)
    new, old = archive.alarms(settled=True)
    assert (old.settled_by, old.reason, old.times) == ("it-7", "card replaced", alarm.times)
    assert (new.kind, new.settled_at_ms, archive.alarms()) == (kind, None, (new,))


def test_the_same_again_is_one_alarm_that_counts(archive, ward, hospital):
    for _ in range(3):
        revoked(archive, ward, hospital)
    (alarm,) = archive.alarms()
    assert alarm.times == 3
    assert "(3 times since" in sentence(alarm)


def test_an_honest_device_raises_nothing(archive, ward, hospital):
    for number in range(1, 6):
        assert hospital.drive(ward.ingest(archive), ward.envelope(number))[-1]["type"] == "receipt"
    assert archive.alarms(settled=True) == ()


def test_open_alarms_are_counted_and_said_first_and_settled_ones_are_not(small_archive, ward, hospital):
    revoked(small_archive, ward, hospital)
    now = small_archive.clock()
    small_archive.beat(Heartbeat("receiver-1", "here", 1, "broker:8883", now, now, "listening", 0, 0))
    found = status(small_archive)
    assert '\nwardlens_receiver_alarms_open{kind="revoked"} 1\n' in exposition(found)
    assert found.sentence.startswith("The device old goes on sending")
    assert [row["kind"] for row in found.to_json()["alarms"]] == ["revoked"]
    small_archive.settle(found.alarms[0].id, by="it-7", reason="found in the cellar")
    found = status(small_archive)
    assert '\nwardlens_receiver_alarms_open{kind="revoked"} 0\n' in exposition(found)
    assert "old" not in found.sentence


def test_what_was_settled_goes_out_as_fhir_with_who_and_why(small_archive, ward, hospital):
    conflict(small_archive, ward, hospital)
    (alarm,) = small_archive.alarms()
    small_archive.settle(alarm.id, by="it-7", reason="card replaced")
    (event,) = alarm_events(small_archive, BED, SiteId("st-mary"))
    details = {one["type"]: one["valueString"] for one in event["entity"][0]["detail"]}
    assert (details["settled_by"], details["reason"], details["capture"]) == ("it-7", "card replaced", alarm.capture)
    assert event["subtype"][0]["code"] == "device-conflict"


def test_receivers_that_raise_the_same_together_make_one_alarm_and_block_nobody(make_archive, ward, hospital, database):
    """Each holds uploads of its own while it raises the others' alarm: in a ring they would wait for ever."""
    small = Limits(open_uploads=1)
    archives = [make_archive(database=database, limits=small) for _ in range(2)]
    for device in ("bed-1", "bed-2"):
        hospital.receive(ward.ingest(archives[0]), [hospital.offer_of(ward.envelope(99, device=device))])
    failures = []

    def offer(archive, numbers):
        try:
            ingest = ward.ingest(archive, patience=Patience(lambda: 0.0, burst=1000))
            for number in numbers:
                offers = [hospital.offer_of(ward.envelope(number, device=bed)) for bed in ("bed-1", "bed-2")]
                ingest.handle(offers)
        except Exception as error:  # noqa: BLE001 - whatever it was is what the test is about
            failures.append(error)

    threads = [
        threading.Thread(target=offer, args=(archive, range(first, 30, 2)))
        for first, archive in enumerate(archives, start=1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert sorted((alarm.device, alarm.kind) for alarm in archives[0].alarms()) == [
        ("bed-1", "limits"),
        ("bed-2", "limits"),
    ]


def test_alarms_of_an_older_archive_stay_open(tmp_path, database):
    engine = open_engine(database or f"sqlite:///{tmp_path / 'a.sqlite'}")
    config = schema._config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            text("INSERT INTO ledger_alarms VALUES ('bed-1', 'sync', 'forked', 5, :hash, 4, 1000, 2000)"),
            {"hash": "b" * 64},
        )
    schema.bring_up_to_date(engine)
    with writing(engine) as connection:
        (row,) = connection.execute(metadata.tables["alarms"].select()).mappings()
    assert (row["device"], row["chain"], row["kind"], row["times"]) == ("bed-1", "sync", "forked", 4)
    assert row["settled_at_ms"] is None
    engine.dispose()


def test_the_command_lists_what_is_open_and_settles_it_with_a_reason(make_archive, tmp_path, monkeypatch):
    archive = make_archive()
    for kind in (AlarmKind.REVOKED, AlarmKind.LIMITS):
        with archive.intake() as intake:
            intake.alarm(Raised(BED, kind))
    monkeypatch.setenv("WARDLENS_RECEIVER__ARCHIVE", str(tmp_path / "archive"))
    runner = CliRunner()

    def rows(*options):
        done = runner.invoke(app, ["alarms", *options, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    number = next(row["id"] for row in rows() if row["kind"] == "revoked")
    for reason in ("", "x" * 501, "two\nlines"):
        refused = runner.invoke(app, ["alarms", "settle", str(number), "--reason", reason])
        assert isinstance(refused.exception, RequestWrong)
    done = runner.invoke(app, ["alarms", "settle", str(number), "--reason", "found in the cellar", "--by", "it-7"])
    assert done.exit_code == 0, done.output
    assert [row["kind"] for row in rows()] == ["limits"]
    (settled,) = [row for row in rows("--settled") if row["settled"]]
    assert (settled["settled_by"], settled["reason"]) == ("it-7", "found in the cellar")
    again = runner.invoke(app, ["alarms", "settle", str(number), "--reason", "again"])
    assert "no open alarm" in str(again.exception)
