"""One envelope in two chunk sizes: a device that connects again may cut it anew, and two receivers may hear both."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy import event

from capture.canonical import to_canonical
from sync.protocol import Pieces
from sync.protocol.messages import decode_have
from sync.receiver import Limits
from sync.receiver.archive.intake import DAY_MS, Intake

SMALL = 1024


@pytest.fixture
def cut(ward, hospital):
    """An envelope in large pieces and in small ones."""
    envelope = ward.envelope()
    return SimpleNamespace(
        envelope=envelope,
        large=hospital.chunks_of(envelope),
        offer_large=hospital.offer_of(envelope),
        small=hospital.chunks_of(envelope, chunk_size=SMALL),
        offer_small=hospital.offer_of(envelope, chunk_size=SMALL),
    )


@pytest.fixture
def on_postgresql(make_archive, postgres_database):
    """Opens the archive for another receiver. SQLite has one writer at a time, so nothing happens in between there."""
    return partial(make_archive, database=postgres_database)


def test_an_upload_cut_in_another_size_begins_anew(archive, ward, hospital, cut):
    ingest = ward.ingest(archive)
    hospital.receive(ingest, [cut.offer_large, *cut.large[:-1]])
    answers = hospital.receive(ingest, [cut.offer_small])
    assert decode_have(to_canonical(answers[-1])).pieces == Pieces(len(cut.small))
    assert hospital.receive(ingest, cut.small, batch=32)[-1]["type"] == "receipt"


def test_chunks_of_two_sizes_in_one_batch_leave_an_upload_that_can_be_finished(archive, ward, hospital, cut):
    ingest = ward.ingest(archive)
    whole = {"chunk_size": len(cut.envelope.raw)}
    # A chunk of the connection before, and the offer of this one, over a broker that takes longer packets now.
    hospital.receive(ingest, [cut.small[-2], hospital.offer_of(cut.envelope, **whole)])
    answers = hospital.receive(ingest, hospital.chunks_of(cut.envelope, **whole))
    assert [answer["type"] for answer in answers] == ["receipt"]


def test_a_device_that_goes_back_and_forth_ends_with_the_size_it_said_last(archive, ward, hospital, cut):
    ingest = ward.ingest(archive)
    hospital.receive(ingest, [cut.small[0], cut.offer_large, cut.large[1], cut.offer_small, cut.small[0], cut.small[1]])
    answers = hospital.receive(ingest, [cut.offer_small])
    assert decode_have(to_canonical(answers[-1])).pieces == Pieces.of(len(cut.small), [0, 1])
    assert hospital.receive(ingest, cut.small[2:], batch=32)[-1]["type"] == "receipt"


def test_a_whole_set_that_is_offered_in_another_size_is_not_judged_by_what_is_left(archive, ward, hospital, cut):
    ingest = ward.ingest(archive)
    hospital.receive(ingest, cut.large[:-1])
    (answer,) = hospital.receive(ingest, [cut.large[-1], cut.offer_small])
    assert answer["type"] == "have"
    assert hospital.receive(ingest, cut.small, batch=32)[-1]["type"] == "receipt"


def test_where_there_is_no_room_for_the_other_size_the_device_waits(archive, ward, hospital, cut):
    ingest = ward.ingest(archive)
    hospital.receive(ingest, cut.large[:1])
    archive.limits = Limits(open_bytes=SMALL)  # Somebody at the hospital allows less now.
    (answer,) = hospital.receive(ingest, [cut.large[1], cut.offer_small, cut.large[0], cut.small[0]])
    assert answer["kind"] == "later"
    archive.limits = Limits()
    assert hospital.drive(ingest, cut.envelope)[-1]["type"] == "receipt"


def test_a_set_that_another_receiver_was_offered_anew_before_it_was_judged_waits(archive, ward, hospital, cut):
    one, other = ward.ingest(archive), ward.ingest(archive)
    (work,) = one.handle(cut.large)[1]
    hospital.receive(other, [cut.offer_small, *cut.small[:3]])
    (answer,) = one.complete(work)
    assert json.loads(answer.payload)["kind"] == "later"
    assert hospital.receive(other, cut.small[3:], batch=32)[-1]["type"] == "receipt"


def test_what_another_receiver_opened_in_between_in_another_size_is_cut_anew(
    on_postgresql, ward, hospital, cut, monkeypatch
):
    archive = on_postgresql()
    one, other = ward.ingest(archive), ward.ingest(archive)
    room_for = Intake._room_for
    pending = [cut.large[0]]

    def interrupted(intake, *said):
        if pending:
            other.handle([pending.pop()])
        return room_for(intake, *said)

    monkeypatch.setattr(Intake, "_room_for", interrupted)
    hospital.receive(one, [cut.offer_small, cut.small[5]])
    answers = hospital.receive(one, [cut.offer_small])
    assert decode_have(to_canonical(answers[-1])).pieces == Pieces.of(len(cut.small), [5])


def test_an_upload_that_goes_on_just_now_is_not_forgotten_under_the_hands_of_its_receiver(
    on_postgresql, ward, hospital, cut
):
    now = [1_800_000_000_000]
    archive = on_postgresql(clock=lambda: now[0])
    sweeper = on_postgresql(clock=lambda: now[0])
    event.listen(sweeper._engine, "connect", lambda connection, _: connection.execute("SET lock_timeout = 500"))
    sweeper._engine.dispose()
    hospital.receive(ward.ingest(archive), cut.large[:1])
    now[0] += 8 * DAY_MS
    with archive.intake() as intake:
        intake.facts(hospital.arrival_of(cut.envelope))
        assert sweeper.forget_stale_uploads() == 0
    assert sweeper.forget_stale_uploads() == 1
    assert archive.counts().open_uploads == 0
