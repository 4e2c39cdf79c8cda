"""A receiver that dies at any step loses nothing and files nothing twice."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

DYING = Path(__file__).parent / "dying.py"
STEPS = ["chunks-committed", "before-ack", "before-put", "after-put", "before-commit", "after-commit"]


def die(ward, hospital, archive, tmp_path, deliveries, step, times=1):  # noqa: PLR0917 - all of it is the story
    """What a receiver printed before it died at `step`; its database and folder are the archive's own."""
    raw = (Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    told = {
        "database": archive._engine.url.render_as_string(hide_password=False),
        "objects": str(tmp_path / "archive/objects"),
        "site": hospital.SITE,
        "issuer": ward.issuer.certificate.public_bytes(Encoding.PEM).decode(),
        "devices": list(ward.devices),
        "opening": ward.opening.to_bytes().hex(),
        "receipt": ward.receipt_key.private.private_bytes(*raw).hex(),
        "deliveries": [(d.topic, base64.b64encode(d.payload).decode()) for d in deliveries],
        "batch": 2,
        "step": step,
        "times": times,
    }
    child = subprocess.run([sys.executable, DYING], input=json.dumps(told), capture_output=True, text=True, check=False)
    assert child.returncode == 9, child.stderr
    return child.stdout.splitlines()


@pytest.mark.parametrize("step", STEPS)
def test_a_receiver_killed_at_any_step_loses_nothing_and_files_nothing_twice(step, archive, ward, hospital, tmp_path):
    envelope = ward.envelope()
    deliveries = [hospital.offer_of(envelope), *hospital.chunks_of(envelope)]
    printed = die(ward, hospital, archive, tmp_path, deliveries, step)

    acknowledged = [index for start in printed if start.isdigit() for index in range(int(start), int(start) + 2)]
    with archive.intake() as intake:
        facts = intake.facts(hospital.arrival_of(envelope))
    if facts.archived is None:
        assert facts.pieces is not None, "something was committed before the kill"
        assert all(index - 1 in facts.pieces for index in acknowledged if 0 < index < len(deliveries))

    # The device hears nothing, so it offers again and sends what the answer says is missing.
    ingest = ward.ingest(archive)
    answers = hospital.drive(ingest, envelope)
    assert [answer["type"] for answer in answers][-1] == "receipt"
    again = hospital.receive(ingest, [hospital.offer_of(envelope)])
    assert again == [answers[-1]]
    counts = archive.counts()
    assert (counts.captures, counts.open_uploads) == (1, 0)
    assert archive.envelope(archive.capture(envelope.capture)) == envelope.raw


def test_a_receipt_that_was_committed_and_not_sent_is_sent_by_the_next_receiver(archive, ward, hospital, tmp_path):
    envelope = ward.envelope()
    deliveries = [hospital.offer_of(envelope), *hospital.chunks_of(envelope)]
    printed = die(ward, hospital, archive, tmp_path, deliveries, "after-commit")
    assert "said receipt" not in printed
    ingest = ward.ingest(archive)
    (unsent,) = ingest.unsent(older_than_ms=-1)
    assert unsent.payload == archive.receipt(envelope.capture).receipt
    ingest.handle([], [unsent.outbox])
    assert ingest.unsent(older_than_ms=-1) == []


def test_two_receivers_that_finish_one_capture_together_give_one_row_and_one_receipt(archive, ward, hospital):
    envelopes = [ward.envelope(number) for number in range(1, 5)]
    for envelope in envelopes:
        upload = hospital.upload_of(envelope)
        hospital.receive(ward.ingest(archive), [hospital.offer_of(envelope), *hospital.chunks_of(envelope)[:-1]])
        # Both have the whole set in hand when they begin to judge it.
        meeting = threading.Barrier(2, timeout=20)
        ingests = [
            ward.ingest(archive, step=lambda name, m=meeting: m.wait() if name == "after-put" else None)
            for _ in range(2)
        ]
        said, work = ward.ingest(archive).handle(hospital.chunks_of(envelope)[-1:])
        assert (said, [item.upload for item in work]) == ([], [upload])
        answers = []

        def complete(ingest, item=work[0], answers=answers):
            answers.extend(ingest.complete(item))

        threads = [threading.Thread(target=complete, args=(ingest,)) for ingest in ingests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 2
        assert answers[0].payload == answers[1].payload == archive.receipt(envelope.capture).receipt
        assert [answer.outbox is None for answer in answers].count(True) == 1
    assert archive.counts().captures == len(envelopes)


def test_receivers_that_share_the_chunks_of_many_captures_file_each_once(archive, ward, hospital):
    envelopes = [ward.envelope(number, padding=100_000) for number in range(1, 7)]
    deliveries = [chunk for row in zip(*(hospital.chunks_of(e) for e in envelopes), strict=False) for chunk in row]
    deliveries += [chunk for e in envelopes for chunk in hospital.chunks_of(e)]
    failures: list[BaseException] = []

    def work(share):
        try:
            hospital.receive(ward.ingest(archive), share, batch=5)
        except Exception as error:  # noqa: BLE001 - whatever it was is what the test is about
            failures.append(error)

    threads = [threading.Thread(target=work, args=(deliveries[n::3],)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    ingest = ward.ingest(archive)
    for envelope in envelopes:
        assert hospital.drive(ingest, envelope)[-1]["type"] == "receipt"
    assert archive.counts().captures == len(envelopes)


def test_a_database_that_goes_away_stores_nothing_and_answers_nothing(small_archive, ward, hospital, tmp_path):
    envelope = ward.envelope()
    ingest = ward.ingest(small_archive)
    with small_archive.intake():
        # Another writer holds the database: the lock's patience is the only thing that is shortened here.
        blocked = hospital.open_archive(tmp_path / "archive")
        hospital.impatient(blocked)
        with pytest.raises(hospital.ArchiveUnavailable):
            ward.ingest(blocked).handle(hospital.chunks_of(envelope))
        blocked.close()
    assert small_archive.counts().open_uploads == 0
    assert hospital.drive(ingest, envelope)[-1]["type"] == "receipt"


def test_an_object_store_that_goes_away_delays_the_device_and_keeps_its_chunks(small_archive, ward, hospital, tmp_path):
    envelope = ward.envelope()
    ingest = ward.ingest(small_archive)
    objects = tmp_path / "archive/objects/envelopes"
    objects.write_text("a file where the folder should be")
    answers = hospital.receive(ingest, [hospital.offer_of(envelope), *hospital.chunks_of(envelope)])
    assert answers[-1]["kind"] == "later"
    assert small_archive.counts().captures == 0
    objects.unlink()
    assert hospital.receive(ingest, [hospital.offer_of(envelope)])[-1]["type"] == "receipt"
