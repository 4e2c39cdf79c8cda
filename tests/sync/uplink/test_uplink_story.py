"""The uplink against real brokers: every envelope arrives once, and only its receipt frees it."""

from __future__ import annotations

import hashlib

import pytest

from capture.ledger import LedgerEvent, parse_line
from capture.vault import State

KIB = 1024


def test_every_envelope_arrives_whole_and_is_erased_with_its_receipt(broker, hospital_at, ward_at):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    envelopes = [ward.take(size) for size in (1, 100_000, 128 * KIB, 700_000)]
    ward.start()
    ward.all_erased()
    for envelope in envelopes:
        assert hospital.hospital.archive[envelope.capture] == envelope.raw
        assert hospital.hospital.filed[envelope.capture] == 1
        assert ward.vault.entry(envelope.capture).receipt in hospital.hospital.receipts[envelope.capture]
    assert ward.uplink.status().protocol == (5 if broker.kind == "mosquitto" else 4)


@pytest.mark.parametrize("protocol", [4, 5])
def test_mosquitto_is_spoken_to_in_both_versions_of_mqtt(mosquitto, hospital_at, ward_at, protocol):
    broker = mosquitto()
    hospital = hospital_at(broker, protocol=protocol)
    ward = ward_at(broker, hospital.hospital, protocol=protocol)
    envelope = ward.take(500_000)
    ward.start()
    ward.all_erased()
    assert hospital.hospital.archive[envelope.capture] == envelope.raw
    assert ward.uplink.status().protocol == protocol


def test_a_new_envelope_is_noticed_while_connected(broker, hospital_at, ward_at, eventually):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    ward.start()
    eventually(lambda: ward.uplink.status().connected, or_say=ward.uplink.status)
    ward.take(1000)
    ward.all_erased(5)


def test_a_broker_killed_in_the_middle_of_an_upload_loses_nothing_and_nothing_is_sent_twice_needlessly(
    broker, hospital_at, ward_at, eventually
):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital, chunk_size=8 * KIB)
    envelopes = [ward.take(4_000_000) for _ in range(2)]
    ward.start()
    first = envelopes[0].capture
    eventually(lambda: hospital.got[first, "chunk"] > 50, or_say=ward.uplink.status)
    broker.kill()
    eventually(lambda: not ward.uplink.status().connected)
    assert (
        "tries again by itself" in ward.uplink.status().sentence or "No broker listens" in ward.uplink.status().sentence
    )
    broker.start()
    ward.all_erased(60)
    for envelope in envelopes:
        assert hashlib.sha256(hospital.hospital.archive[envelope.capture]).hexdigest() == envelope.digest
        assert hospital.hospital.filed[envelope.capture] == 1
    chunks = -(-len(envelopes[0].raw) // (8 * KIB))
    assert hospital.got[first, "chunk"] < chunks + 64, "only what was missing is sent again"


def test_no_chunk_is_longer_than_the_broker_takes(mosquitto, hospital_at, ward_at):
    broker = mosquitto(packet=20_000)
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    envelope = ward.take(300_000)
    ward.start()
    ward.all_erased()
    assert hospital.hospital.archive[envelope.capture] == envelope.raw
    assert 16_000 < hospital.largest < 20_000


def test_a_broker_too_small_for_any_chunk_is_named_in_the_status(mosquitto, ward_at, hospital_at, eventually):
    broker = mosquitto(packet=1200)
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    ward.take(1000)
    ward.start()
    eventually(lambda: "packet limit" in ward.uplink.status().sentence, or_say=ward.uplink.status)
    assert ward.states() == {State.SEALED: 1}


def test_without_receivers_the_device_pauses_and_goes_on_when_they_come(
    mosquitto, hospital_at, ward_at, eventually, certificates
):
    broker = mosquitto()
    hospital = hospital_at(broker)
    hospital.stop()
    ward = ward_at(broker, hospital.hospital)
    envelope = ward.take(300_000)
    ward.start()
    eventually(lambda: ward.uplink.status().receivers is False, or_say=ward.uplink.status)
    assert "receiver is not there" in ward.uplink.status().sentence
    assert hospital.got[envelope.capture, "chunk"] == 0
    again = hospital_at(broker)
    again.hospital._key, again.hospital.receipt_keys = hospital.hospital._key, hospital.hospital.receipt_keys
    ward.all_erased()


def test_what_got_its_receipt_before_a_power_cut_is_erased_at_the_next_start(broker, hospital_at, ward_at):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    envelope = ward.take(1000)
    ward.vault.offered(envelope.capture)
    ward.vault.receipted(envelope.capture, envelope.digest, b"a receipt that was verified")
    ward.start()
    ward.all_erased(10)
    assert hospital.got[envelope.capture, "offer"] == 0


def test_an_unreadable_envelope_is_parked_and_the_next_one_goes(broker, hospital_at, ward_at, eventually):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    damaged, whole = ward.take(300_000), ward.take(1000)
    file = next((ward.folder / "vault").rglob(f"{damaged.capture}.wle"))
    file.write_bytes(file.read_bytes()[:1000])
    ward.start()
    eventually(lambda: ward.states() == {State.PARKED: 1, State.ERASED: 1}, or_say=ward.states)
    assert ward.vault.entry(damaged.capture).reason == "unreadable"
    assert whole.capture in hospital.hospital.archive


def test_an_envelope_that_rotted_on_the_card_is_refused_parked_and_kept(broker, hospital_at, ward_at, eventually):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    envelope = ward.take(300_000)
    file = next((ward.folder / "vault").rglob(f"{envelope.capture}.wle"))
    rotten = bytearray(envelope.raw)
    rotten[150_000] ^= 1
    file.write_bytes(rotten)
    ward.start()
    eventually(lambda: ward.states() == {State.PARKED: 1}, or_say=ward.states)
    assert ward.vault.entry(envelope.capture).reason == "digest-mismatch"
    assert file.exists()
    file.write_bytes(envelope.raw)
    ward.vault.retry(envelope.capture)
    ward.all_erased()


def test_the_ledger_says_what_became_of_it(broker, hospital_at, ward_at):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    envelope = ward.take(1000)
    ward.start()
    ward.all_erased()
    ward.stop()
    lines = [parse_line(line) for line in (ward.folder / "sync.jsonl").read_bytes().splitlines()]
    assert [line.event for line in lines] == [
        LedgerEvent.ENVELOPE_OFFERED,
        LedgerEvent.ENVELOPE_RECEIPTED,
        LedgerEvent.ENVELOPE_ERASED,
        LedgerEvent.SERVICE_STOPPED,
    ]
    assert all(line.facts["digest"] == envelope.digest for line in lines[:-1])


def test_offers_carry_the_signed_heads_of_the_ledger(broker, hospital_at, ward_at):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    ward.take(1000)
    ward.start()
    ward.all_erased()
    assert hospital.hospital.heads >= 1


def test_pictures_go_on_though_a_head_of_the_ledger_cannot_be_read(broker, hospital_at, ward_at):
    hospital = hospital_at(broker)
    ward = ward_at(broker, hospital.hospital)
    (ward.folder / "camera.head").write_bytes(b"damaged")
    ward.take(1000)
    ward.start()
    ward.all_erased()
    assert hospital.hospital.heads == 0
