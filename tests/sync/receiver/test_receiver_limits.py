"""What one device may do: neither fill the site's disk, nor keep receivers from the others, nor be tried for ever."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from capture.identifiers import DeviceId
from sync.protocol import RefusalReason
from sync.receiver import ArchiveUnavailable, Limits
from sync.receiver.archive.intake import DAY_MS
from sync.receiver.ingest import Delivery
from sync.receiver.patience import BURST, MOST_DEVICES, Patience
from sync.receiver.trust import FixedTrust

DEVICE = DeviceId("bed-1")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


# How much nonsense is listened to.


def test_a_device_that_talks_nonsense_is_not_heard_until_its_patience_is_back():
    clock = Clock()
    patience = Patience(clock, burst=3, per_second=0.5)
    patience.cost(DEVICE, 2)
    assert patience.has(DEVICE)
    patience.cost(DEVICE, 7)
    assert not patience.has(DEVICE)
    clock.now = 1.9
    assert not patience.has(DEVICE)
    clock.now = 2.1
    assert patience.has(DEVICE)
    assert patience.has(DeviceId("bed-2"))


def test_patience_is_never_more_than_its_burst():
    clock = Clock()
    patience = Patience(clock, burst=2, per_second=1.0)
    patience.cost(DEVICE, 1)
    clock.now = 1e6
    patience.cost(DEVICE, 2)
    assert not patience.has(DEVICE)


def test_patience_with_any_number_of_devices_takes_bounded_memory():
    patience = Patience(Clock())
    for number in range(MOST_DEVICES + 5):
        patience.cost(DeviceId(f"bed-{number}"), 1)
    assert len(patience._spent) == MOST_DEVICES


def test_a_flood_of_nonsense_is_not_answered_and_the_others_are_served(small_archive, ward, hospital):
    clock = Clock()
    ingest = ward.ingest(small_archive, patience=Patience(clock))
    topic = hospital.offer_of(ward.envelope(1)).topic
    with capture_logs() as logs:
        ingest.handle([Delivery(topic, b"nonsense")] * 3 * BURST)
    assert (ingest.tally.malformed, ingest.tally.unheard) == (BURST, 2 * BURST)
    assert [log["device"] for log in logs if log["event"] == "device-unheard"] == ["bed-1"]
    assert hospital.receive(ingest, [hospital.offer_of(ward.envelope(1))]) == []
    assert hospital.drive(ingest, ward.envelope(1, device="bed-2"))[-1]["type"] == "receipt"
    clock.now += BURST
    assert hospital.drive(ingest, ward.envelope(1))[-1]["type"] == "receipt"


def test_what_has_to_be_refused_costs_and_what_comes_twice_does_not(small_archive, ward, hospital):
    ingest = ward.ingest(small_archive, patience=Patience(Clock(), burst=5, per_second=0.0))
    envelope = ward.envelope(1)
    hospital.drive(ingest, envelope)
    hospital.receive(ingest, [*hospital.chunks_of(envelope), hospital.offer_of(envelope)] * 10)
    assert ingest.tally.ignored >= 10
    assert ingest.tally.unheard == 0
    for number in range(1, 10):
        hospital.receive(ingest, [hospital.offer_of(ward.envelope(number, device="old"))])
    assert (ingest.tally.refused, ingest.tally.unheard) == (5, 4)


def test_a_whole_set_that_is_refused_for_good_costs_as_its_offer_would(small_archive, ward, hospital):
    ingest = ward.ingest(small_archive, patience=Patience(Clock(), burst=3, per_second=0.0))
    stranger = hospital.Issuer()
    for number in range(1, 6):
        hospital.receive(ingest, hospital.chunks_of(ward.envelope(number, issuer=stranger)))
    assert ingest.tally.refused == 3
    assert ingest.tally.unheard > 0
    assert hospital.drive(ingest, ward.envelope(1, device="bed-2"))[-1]["type"] == "receipt"


# What may lie on the disk.


def test_a_device_that_files_too_much_in_a_day_waits_and_the_others_do_not(make_archive, ward, hospital, database):
    now = [1_800_000_000_000]
    size = len(ward.envelope(1).raw)
    archive = make_archive(clock=lambda: now[0], limits=Limits(filed_bytes_a_day=2 * size + 10), database=database)
    ingest = ward.ingest(archive)
    said = [hospital.drive(ingest, ward.envelope(number))[-1] for number in (1, 2, 3)]
    assert [(answer["type"], answer.get("kind")) for answer in said] == [
        ("receipt", None),
        ("receipt", None),
        ("refusal", "later"),
    ]
    assert hospital.drive(ingest, ward.envelope(1, device="bed-2"))[-1]["type"] == "receipt"
    now[0] += DAY_MS
    assert hospital.drive(ingest, ward.envelope(3))[-1]["type"] == "receipt"


def test_what_is_under_way_counts_for_the_day_too(make_archive, ward, hospital):
    size = len(ward.envelope(1).raw)
    ingest = ward.ingest(make_archive(limits=Limits(filed_bytes_a_day=2 * size + 10)))
    offers = [hospital.offer_of(ward.envelope(number)) for number in (1, 2, 3)]
    assert sorted(answer["type"] for answer in hospital.receive(ingest, offers)) == ["have", "have", "refusal"]


def test_an_envelope_for_which_there_is_never_room_is_refused_for_good(make_archive, ward, hospital):
    ingest = ward.ingest(make_archive(limits=Limits(open_bytes=20_000)))
    (answer,) = hospital.receive(ingest, [hospital.offer_of(ward.envelope(1))])
    assert (answer["kind"], answer["reason"]) == ("permanent", RefusalReason.TOO_LARGE)


def test_refusals_on_record_are_bounded_and_are_answered_still(make_archive, ward, hospital):
    archive = make_archive(limits=Limits(quarantined_rows=2))
    ingest = ward.ingest(archive)
    for number in range(1, 6):
        (answer,) = hospital.receive(ingest, [hospital.offer_of(ward.envelope(number, device="old"))])
        assert answer["reason"] == RefusalReason.REVOKED_DEVICE
    hospital.receive(ingest, [hospital.offer_of(ward.envelope(1, device="thief"))])
    assert sorted(row.device for row in archive.in_quarantine()) == ["old", "old", "thief"]


# What is tried again and again.


class PoisonError(RuntimeError):
    """Whatever nobody foresaw."""


def poison(name):
    if name == "before-put":
        raise PoisonError


def test_a_capture_that_cannot_be_filed_is_refused_after_ten_tries_and_does_not_stop_the_others(
    archive, ward, hospital
):
    envelope = ward.envelope(1)
    ingest = ward.ingest(archive, step=poison)
    with capture_logs() as logs:
        answers = hospital.receive(ingest, hospital.chunks_of(envelope))
        for _ in range(10):
            answers += hospital.receive(ingest, [hospital.offer_of(envelope)], batch=1)
    assert [answer["kind"] for answer in answers] == ["later"] * 10 + ["permanent"]
    assert answers[-1]["reason"] == RefusalReason.UNFILEABLE
    assert [log["attempt"] for log in logs if log["event"] == "filing-failed"] == list(range(1, 11))
    assert (archive.counts().open_uploads, archive.in_quarantine()[0].envelope_kept) == (0, True)
    # Once the fault is mended, a person has the device send it again, and it is filed.
    assert hospital.drive(ward.ingest(archive), envelope)[-1]["type"] == "receipt"


def test_tries_are_counted_though_the_receiver_dies_of_them(archive, ward, hospital):
    envelope = ward.envelope(1)
    for _ in range(3):
        # A receiver that got the set, and was never heard of again.
        work = ward.ingest(archive).handle([*hospital.chunks_of(envelope), hospital.offer_of(envelope)])[1]
    assert [item.attempt for item in work] == [3]


def test_an_archive_that_is_away_is_no_fault_of_the_capture(archive, ward, hospital):
    def away(name):
        if name == "before-put":
            raise ArchiveUnavailable

    envelope = ward.envelope(1)
    hospital.receive(ward.ingest(archive), hospital.chunks_of(envelope)[:-1])
    ingest = ward.ingest(archive, step=away)
    answers = hospital.receive(ingest, hospital.chunks_of(envelope)[-1:])
    for _ in range(15):
        answers += hospital.receive(ingest, [hospital.offer_of(envelope)])
    assert {answer["kind"] for answer in answers} == {"later"}
    assert hospital.drive(ward.ingest(archive), envelope)[-1]["type"] == "receipt"


class KeyFileExposedError(RuntimeError):
    """What a key file that others may read raises at the hospital."""


def unreadable(*_):
    raise KeyFileExposedError


@pytest.mark.parametrize("part", ["keys", "signer", "authorities"])
def test_a_key_of_the_hospital_that_cannot_be_read_is_no_fault_of_the_capture(
    part, archive, ward, hospital, monkeypatch
):
    envelope = ward.envelope(1)
    with monkeypatch.context() as broken, capture_logs() as logs:
        if part == "authorities":
            broken.setattr(FixedTrust, "authorities", unreadable)
        ingest = ward.ingest(archive, **({part: unreadable} if part != "authorities" else {}))
        answers = hospital.receive(ingest, hospital.chunks_of(envelope))
        for _ in range(15):
            answers += hospital.receive(ingest, [hospital.offer_of(envelope)])
    assert {answer["kind"] for answer in answers} == {"later"}
    said = [log for log in logs if log["event"] == "site-unreadable"]
    assert len(said) == 16
    assert all(log["alarm"] and log["reason"] == "KeyFileExposedError" for log in said)
    assert hospital.drive(ward.ingest(archive), envelope)[-1]["type"] == "receipt"


@pytest.mark.parametrize("said", [float("nan"), float("inf"), "\ud800"], ids=["nan", "infinity", "half a letter"])
def test_a_manifest_that_cannot_be_spelled_again_is_refused_at_once(said, small_archive, ward, hospital, monkeypatch):
    spelled = hospital.json.dumps
    monkeypatch.setattr(hospital, "to_canonical", lambda value: spelled(value).encode())
    envelope = ward.envelope(manifest={"odd": said})
    answers = hospital.receive(ward.ingest(small_archive), hospital.chunks_of(envelope))
    assert answers[-1]["reason"] == RefusalReason.NOT_OPENABLE
