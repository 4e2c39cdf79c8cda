"""What the receiver takes, what it refuses, and that nothing a device says stops it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from capture.identifiers import CaptureId, DeviceId
from sync.protocol import RefusalReason, decode_receipt, topics
from sync.receiver import Limits, OpeningKey, status
from sync.receiver.ingest import Delivery
from sync.receiver.judging import refusal_for_status
from sync.receiver.trust import FixedTrust


def test_a_capture_is_filed_and_its_receipt_says_so(archive, ward, hospital):
    envelope = ward.envelope()
    answers = hospital.receive(ward.ingest(archive), [hospital.offer_of(envelope), *hospital.chunks_of(envelope)])
    assert [answer["type"] for answer in answers] == ["have", "receipt"]
    receipt = decode_receipt(archive.receipt(envelope.capture).receipt)
    receipt.verify({"receipt-1": ward.receipt_key.public_key})
    assert (receipt.capture, receipt.device, receipt.digest, receipt.length) == (
        envelope.capture,
        envelope.device,
        envelope.digest,
        len(envelope.raw),
    )


def test_a_receipt_is_sent_again_byte_for_byte(archive, ward, hospital):
    envelope = ward.envelope()
    hospital.drive(ward.ingest(archive), envelope)
    first = archive.receipt(envelope.capture).receipt
    for ingest in (ward.ingest(archive), ward.ingest(archive, signer=hospital.another_receipt_key)):
        said, work = ingest.handle([hospital.offer_of(envelope)])
        assert ([answer.payload for answer in said], work) == ([first], [])


def test_chunks_are_committed_when_handle_returns(make_archive, ward, hospital, database):
    envelope = ward.envelope()
    ward.ingest(make_archive(database=database)).handle(hospital.chunks_of(envelope)[:2])
    with make_archive(database=database).intake() as intake:
        pieces = intake.facts(hospital.arrival_of(envelope)).pieces
    assert pieces is not None
    assert [0 in pieces, 1 in pieces, 2 in pieces] == [True, True, False]


def test_chunks_that_come_before_their_offer_in_any_order_and_twice_are_one_capture(archive, ward, hospital):
    envelope = ward.envelope()
    chunks = hospital.chunks_of(envelope)
    answers = hospital.receive(ward.ingest(archive), [*reversed(chunks), *chunks], batch=2)
    assert [answer["type"] for answer in answers] == ["receipt"]
    assert archive.counts().captures == 1


def refused(ward: Any, hospital: Any) -> dict[str, tuple[RefusalReason, Any, str]]:
    """What is refused for good, why, and which device says it."""
    good = ward.envelope(1)
    altered = bytearray(ward.envelope(2).raw)
    altered[-1] ^= 1
    cut = ward.envelope(3).raw[:-1]
    stranger = hospital.Issuer()
    return {
        "a byte of the signature changed": (RefusalReason.BAD_SIGNATURE, hospital.loose(good, bytes(altered), 2), ""),
        "cut short": (RefusalReason.MALFORMED, hospital.loose(good, cut, 3), ""),
        "no envelope at all": (RefusalReason.MALFORMED, hospital.loose(good, b"hello" * 999, 4), ""),
        "an authority nobody trusts": (RefusalReason.BAD_SIGNATURE, ward.envelope(5, issuer=stranger), ""),
        "another site": (RefusalReason.WRONG_SITE, ward.envelope(6, site="elsewhere"), ""),
        "a key that is not here": (RefusalReason.NOT_OPENABLE, ward.envelope(7, opening=OpeningKey.generate()), ""),
        "somebody else's envelope": (RefusalReason.BAD_SIGNATURE, ward.envelope(8), "bed-2"),
        "a device that was revoked": (RefusalReason.REVOKED_DEVICE, ward.envelope(9, device="old"), ""),
        "a device that nobody knows": (RefusalReason.UNKNOWN_DEVICE, ward.envelope(10, device="thief"), ""),
        "a picture that is none": (RefusalReason.MALFORMED, ward.envelope(11, jpeg=b"GIF89a" * 100), ""),
        "another capture's bytes": (RefusalReason.MALFORMED, hospital.loose(good, ward.envelope(12).raw, 99), ""),
    }


CASES = [
    "a byte of the signature changed",
    "cut short",
    "no envelope at all",
    "an authority nobody trusts",
    "another site",
    "a key that is not here",
    "somebody else's envelope",
    "a device that was revoked",
    "a device that nobody knows",
    "a picture that is none",
    "another capture's bytes",
]


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_to_be_trusted_is_refused_for_good_and_set_aside(case, small_archive, ward, hospital):
    reason, envelope, device = refused(ward, hospital)[case]
    say = {"device": device} if device else {}
    with capture_logs() as logs:
        answers = hospital.receive(
            ward.ingest(small_archive),
            [hospital.offer_of(envelope, **say), *hospital.chunks_of(envelope, **say)],
            batch=1,
        )
    assert (answers[-1]["kind"], answers[-1]["reason"]) == ("permanent", reason)
    counts = small_archive.counts()
    assert (counts.captures, counts.open_uploads, counts.quarantined) == (0, 0, 1)
    assert small_archive.in_quarantine()[0].reason == reason
    assert [log for log in logs if log.get("alarm") is True]
    assert refusal_for_status("active") is None


def test_the_table_names_every_case(ward, hospital):
    assert list(refused(ward, hospital)) == CASES


def test_evidence_is_kept_while_there_is_room_for_it(make_archive, ward, hospital):
    stranger = hospital.Issuer()
    bad = [ward.envelope(number, issuer=stranger) for number in (1, 2)]
    archive = make_archive(limits=Limits(quarantined_bytes=len(bad[0].raw) + 10))
    for envelope in bad:
        hospital.drive(ward.ingest(archive), envelope)
    assert sorted(row.envelope_kept for row in archive.in_quarantine()) == [False, True]
    assert archive._objects.get("quarantine", bad[0].digest) == bad[0].raw


def test_the_same_capture_with_another_digest_is_refused_and_alarmed_and_the_first_stays(archive, ward, hospital):
    first, second = ward.envelope(1), ward.envelope(2, capture=ward.envelope(1).capture)
    ingest = ward.ingest(archive)
    hospital.drive(ingest, first)
    with capture_logs() as logs:
        answers = hospital.drive(ingest, second)
    assert answers[-1]["reason"] == RefusalReason.CAPTURE_CONFLICT
    assert archive.capture(first.capture).digest == first.digest
    assert [log["event"] for log in logs if log.get("alarm")] == ["capture-quarantined"]


def test_two_devices_that_claim_one_capture_do_not_share_a_receipt(archive, ward, hospital):
    first = ward.envelope(1)
    other = ward.envelope(1, device="bed-2", capture=first.capture)
    ingest = ward.ingest(archive)
    # Both are complete before either is filed, so the conflict shows only in the transaction.
    hospital.receive(ingest, [*hospital.chunks_of(first)[:-1], *hospital.chunks_of(other)[:-1]])
    last = [hospital.chunks_of(first)[-1], hospital.chunks_of(other)[-1]]
    answers = hospital.receive(ingest, last)
    assert sorted(answer["type"] for answer in answers) == ["receipt", "refusal"]
    assert hospital.receive(ingest, [hospital.offer_of(first, device="bed-2")])[-1]["type"] == "refusal"
    assert archive.counts().captures == 1


def test_chunks_that_do_not_make_the_digest_are_dropped_and_refused(archive, ward, hospital):
    envelope = ward.envelope()
    lie = hospital.loose(envelope, envelope.raw, 1, digest="ab" * 32)
    answers = hospital.receive(ward.ingest(archive), [hospital.offer_of(lie), *hospital.chunks_of(lie)])
    assert answers[-1]["reason"] == RefusalReason.DIGEST_MISMATCH
    assert archive.counts().open_uploads == 0


def test_a_refusal_that_nobody_can_undo_stands_and_one_that_somebody_can_is_judged_anew(archive, ward, hospital):
    missing, stranger = OpeningKey.generate(), hospital.Issuer()
    forged, sealed_elsewhere = ward.envelope(1, issuer=stranger), ward.envelope(2, opening=missing)
    for envelope in (forged, sealed_elsewhere):
        assert hospital.drive(ward.ingest(archive), envelope)[-1]["kind"] == "permanent"
    changed = ward.ingest(
        archive,
        keys=lambda: (ward.opening, missing),
        trust=FixedTrust((ward.issuer.certificate, stranger.certificate), ward.devices),
    )
    assert hospital.drive(changed, forged)[-1]["reason"] == RefusalReason.BAD_SIGNATURE
    assert hospital.drive(changed, sealed_elsewhere)[-1]["type"] == "receipt"


def test_a_device_with_too_much_under_way_waits_and_others_do_not(make_archive, ward, hospital):
    archive = make_archive(limits=Limits(open_uploads=2))
    ingest = ward.ingest(archive)
    first, second, third = (ward.envelope(number) for number in (1, 2, 3))
    for envelope in (first, second):
        hospital.receive(ingest, hospital.chunks_of(envelope)[:1])
    answers = hospital.receive(ingest, [hospital.offer_of(third), *hospital.chunks_of(third)])
    assert {answer["kind"] for answer in answers} == {"later"}
    assert archive.counts().open_uploads == 2
    assert hospital.drive(ingest, ward.envelope(1, device="bed-2"))[-1]["type"] == "receipt"
    assert hospital.drive(ingest, first)[-1]["type"] == "receipt"
    assert hospital.drive(ingest, third)[-1]["type"] == "receipt"


def test_bytes_under_way_are_bounded_too(make_archive, ward, hospital):
    archive = make_archive(limits=Limits(open_bytes=50_000))
    ingest = ward.ingest(archive)
    answers = hospital.receive(ingest, [hospital.offer_of(ward.envelope(1)), hospital.offer_of(ward.envelope(2))])
    assert sorted(answer["type"] for answer in answers) == ["have", "refusal"]


def test_nothing_of_a_patient_is_in_a_log_line(small_archive, ward, hospital):
    good, bad = ward.envelope(1), ward.envelope(2, issuer=hospital.Issuer())
    with capture_logs() as logs:
        for envelope in (good, bad):
            hospital.drive(ward.ingest(small_archive), envelope)
    text = json.dumps(logs, default=str)
    assert logs
    for word in ("PAT-0000", "Okafor", "heel", "84607009"):
        assert word not in text


def test_a_manifest_that_lacks_everything_is_filed_all_the_same(archive, ward, hospital):
    odd = {"encounter": [], "redaction": None, "taken_at_ms": "noon"}
    envelope = ward.envelope(manifest=odd)
    assert hospital.drive(ward.ingest(archive), envelope)[-1]["type"] == "receipt"
    filed = archive.capture(envelope.capture)
    assert (filed.patient, filed.body_site, filed.taken_at_ms) == ("", "", None)
    assert json.loads(filed.manifest)["taken_at_ms"] == "noon"


topics_said = st.one_of(
    st.text(max_size=80),
    st.builds(
        lambda device, capture, kind: f"wardlens/v1/{device}/up/{capture}/{kind}",
        st.sampled_from(["bed-1", "old", "nobody", "BED", ""]),
        st.sampled_from(["0" * 32, "ab" * 16, "x"]),
        st.sampled_from(["offer", "chunk", "other"]),
    ),
)
small = st.integers(0, 3)
chunk_like = st.builds(
    lambda version, index, count, length, rest: (
        bytes([version])
        + bytes(16)
        + bytes(32)
        + index.to_bytes(4, "big")
        + count.to_bytes(4, "big")
        + length.to_bytes(8, "big")
        + rest
    ),
    small,
    small,
    small,
    st.integers(0, 4000),
    st.binary(max_size=1100),
)
offer_like = st.fixed_dictionaries(
    {
        "v": small,
        "type": st.sampled_from(["offer", "have"]),
        "capture": st.sampled_from(["0" * 32, "ab" * 16]),
        "digest": st.sampled_from(["0" * 64, "cd" * 32, "x"]),
        "length": st.integers(0, 4000),
        "chunk_size": st.integers(0, 4000),
        "count": small,
        "counter": small,
        "heads": st.lists(
            st.dictionaries(
                st.sampled_from(["chain", "sequence", "hash", "signature"]),
                st.one_of(st.integers(-1, 2**64), st.sampled_from(["sync", "a" * 64, "0" * 128, "\ud800"])),
            ),
            max_size=3,
        ),
    }
).map(lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
said = st.lists(
    st.builds(Delivery, topics_said, st.one_of(st.binary(max_size=200), chunk_like, offer_like)), max_size=6
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(said=said)
def test_nothing_a_device_says_stops_the_receiver(said, small_archive, ward):
    ward.ledgers["bed-1"] = {"sync": None}
    ingest = ward.ingest(small_archive)
    answers, work = ingest.handle(said)
    for item in work:
        answers += ingest.complete(item)
    for answer in answers:
        assert json.loads(answer.payload)["type"] in {"have", "refusal"}
        assert answer.topic.startswith("wardlens/v1/")
    assert small_archive.counts().captures == 0


def test_answers_go_to_the_device_and_the_capture_that_asked(small_archive, ward, hospital):
    envelope = ward.envelope()
    (answer,), _ = ward.ingest(small_archive).handle([hospital.offer_of(envelope)])
    assert answer.topic == topics.down(DeviceId("bed-1"), CaptureId(envelope.capture))


def test_status_says_that_nobody_works_and_what_was_refused(small_archive, ward, hospital):
    hospital.drive(ward.ingest(small_archive), ward.envelope(1))
    hospital.drive(ward.ingest(small_archive), ward.envelope(2, device="old"))
    now = status(small_archive)
    assert "No receiver is at work" in now.sentence
    said = json.loads(json.dumps(now.to_json()))
    assert (said["counts"]["captures"], said["counts"]["quarantined"]) == (1, 1)
    assert said["quarantine"][0]["reason"] == RefusalReason.REVOKED_DEVICE
    assert said["last_received_at_ms"] == small_archive.newest(1)[0].received_at_ms
