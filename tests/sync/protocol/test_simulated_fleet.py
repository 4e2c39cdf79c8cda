"""Hundreds of runs with faults: nothing lost, nothing filed twice, nothing erased without its receipt."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest

from capture.identifiers import capture_id
from sync.protocol import Offer, ReceiverMachine, Upload, topics
from sync.protocol.device import ANSWER_SECONDS, RESUME_SECONDS
from sync.protocol.receiver import Archived
from sync.protocol.simulated import Broken, Faults, World

SEEDS_A_TEST = 50
ONE_PICTURE_SECONDS = 2.5
"""An offer, its answer, four chunks and a receipt, each with its delay. Five are far below one lost answer's wait."""
assert 5 * ONE_PICTURE_SECONDS < ANSWER_SECONDS


def faults_of(random):
    return Faults(
        lose=random.choice([0, 0.02, 0.1]),
        forget=random.choice([0, 0.05, 0.3]),
        duplicate=random.choice([0, 0.1, 0.5]),
        delay=random.choice([0.05, 1, 5]),
        disconnect=random.choice([0, 0.02]),
        restart=random.choice([0, 0.02]),
        receivers_die=random.choice([0, 0.02]),
        broker_dies=random.choice([0, 0.02]),
        crash=random.choice([0, 0.1]),
        busy=random.choice([0, 0.2]),
        corrupt=random.choice([0, 0, 0.02]),
    )


@pytest.mark.parametrize("first", range(0, 6 * SEEDS_A_TEST, SEEDS_A_TEST))
def test_every_promise_holds_through_every_fault(first):
    for seed in range(first, first + SEEDS_A_TEST):
        random = Random(seed)
        world = World(random.random, faults_of(random), devices=3, says_nobody=random.random() < 0.5)
        for device in world.devices:
            for _ in range(4):
                world.put(device, random.randint(1, 6000), urgent=random.random() < 0.2)
        try:
            world.run(60)
            world.check(everything_arrived=False)
            world.settle()
            world.check()
        except Broken as broken:
            pytest.fail(f"seed {seed}: {broken}")


@pytest.mark.parametrize("fault", [f.name for f in dataclasses.fields(Faults) if f.name != "delay"])
def test_one_fault_alone_and_often_is_survived(fault):
    often = {"lose": 0.3, "forget": 0.5, "corrupt": 0.1, "receivers_die": 0.1, "broker_dies": 0.1}.get(fault, 0.5)
    random = Random(fault)
    world = World(random.random, Faults(**{fault: often}), devices=2)
    for device in world.devices:
        for size in (1, 1024, 5000):
            world.put(device, size)
    world.run(60)
    world.settle()
    world.check()


@pytest.mark.parametrize("says_nobody", [True, False])
def test_after_a_broker_that_forgot_everything_all_arrives_without_waiting_for_a_timeout(says_nobody):
    """Sessions, what was under way and the word that somebody listens are gone; all come back in any order."""
    for seed in range(300):
        random = Random(seed)
        world = World(random.random, Faults(delay=random.choice([0.02, 0.2, 0.6])), says_nobody=says_nobody)
        vault = world.devices[0].vault
        for _ in range(5):
            world.put(world.devices[0], random.randint(1500, 4000))
        world.run(random.uniform(0, 3))
        away = random.choice([0.5, 3, 10])
        world.kill_broker(away)
        world.run(away + RESUME_SECONDS + 5 * ONE_PICTURE_SECONDS)
        world.check()
        assert not vault.pending(1), f"seed {seed}"


def calm():
    world = World(Random(1).random, Faults())
    capture = world.put(world.devices[0], 5000)
    world.run(60)
    world.check()
    return world, world.devices[0], capture


def test_without_faults_each_chunk_is_sent_once_and_the_window_is_used():
    world, device, capture = calm()
    # One offer, five chunks, one have, one receipt.
    assert world.messages == 8
    assert device.most_in_flight == 4
    assert world.hospital.archive[capture] == world.originals[capture]


@pytest.mark.parametrize(
    ("sabotage", "says"),
    [
        (lambda w, d, c: setattr(d.vault.kept[c], "receipt", None), "without a receipt"),
        (lambda w, d, c: w.hospital.archive.pop(c), "not in the archive"),
        (lambda w, d, c: w.hospital.filed.update({c: 2}), "filed 2 times"),
        (lambda w, d, c: w.hospital.receipts[c].add(b"another"), "differ"),
        (lambda w, d, c: setattr(d.vault.kept[c], "envelope", b"x"), "changed in the vault"),
        (lambda w, d, c: setattr(d.vault.kept[c], "envelope", w.originals[c]), "still on"),
        (lambda w, d, c: setattr(d, "most_in_flight", 5), "unacknowledged at once"),
        (lambda w, d, c: w.originals.update({c: b"x"}), "something else"),
    ],
)
def test_the_checker_sees_each_promise_that_is_broken(sabotage, says):
    world, device, capture = calm()
    sabotage(world, device, capture)
    with pytest.raises(Broken, match=says):
        world.check()


def test_another_envelope_of_a_filed_capture_is_quarantined_and_parked():
    world, device, capture = calm()
    world.hospital._archived[device.name, capture] = Archived("f" * 64, b"receipt of the first")
    kept = device.vault.kept[capture]
    kept.envelope, kept.receipt = world.originals[capture], None
    world.run(60)
    assert kept.parked == "capture-conflict"
    assert kept.envelope is not None
    assert world.hospital._refused


def test_a_hospital_that_takes_only_small_ones_refuses_and_the_device_keeps_it():
    world = World(Random(2).random, Faults())
    world.hospital._machine = ReceiverMachine(max_length=1000)
    capture = world.put(world.devices[0], 1001)
    world.run(60)
    assert world.devices[0].vault.kept[capture].parked == "too-large"


def test_receivers_that_are_told_to_be_where_they_are_stay_there():
    world, _, _ = calm()
    world._set_receivers(up=True)
    assert world.receivers_up


def test_ledger_heads_reach_the_hospital():
    world, device, _ = calm()
    upload = Upload(capture_id("1" * 32), "ab" * 32, 10, 10)
    payload = Offer(upload, 1, ({"chain": "sync", "sequence": 1},)).encode()
    world._deliver(topics.offer(device.name, upload.capture), payload)
    assert world.hospital.heads == 1
