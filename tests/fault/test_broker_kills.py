"""The broker is killed while pictures are sent, and forgets: everything, or what it had saved; or it is long away.

Promise 3.
"""

from __future__ import annotations

import random

import pytest

PICTURES = 5
STORE = "persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1"


def kill_in_the_middle(ward, chance):
    """Pictures begin their way; after some chunks the broker is gone."""
    ward.stop("sync")
    ward.take(PICTURES)
    ward.until(ward.wire.listening.is_set, "the wire to be listened to")
    seen = ward.wire.kinds["chunk"] + chance.randint(1, 2 * PICTURES - 2)
    ward.run("sync")
    ward.until(lambda: ward.wire.kinds["chunk"] >= seen or ward.arrived(), "chunks on the wire")
    unsent = len(ward.envelopes())
    ward.broker.kill()
    ward.nothing_is_lost()
    return unsent > 0


def test_a_broker_that_is_killed_and_forgets_everything_loses_nothing(ward, long, seed):
    chance, kills = random.Random(seed), 0
    while kills < (100 if long else 3):
        kills += kill_in_the_middle(ward, chance)
        ward.broker.start()
        ward.settle()
    ward.all_is_well()


@pytest.fixture(scope="module")
def storing(ward_with):
    """A ward whose broker keeps what it has on the disk."""
    return ward_with(store=STORE)


@pytest.mark.parametrize("deleted", [False, True], ids=["old-store", "no-store"])
def test_a_broker_that_comes_back_with_an_old_store_or_without_its_store_loses_nothing(deleted, storing, long, seed):
    ward, chance = storing, random.Random(seed)
    for _ in range(50 if long else 1):
        kill_in_the_middle(ward, chance)
        store = ward.place.broker / "mosquitto.db"
        assert store.exists()
        if deleted:
            store.unlink()
        ward.broker.start()
        ward.settle()
    ward.all_is_well()


def test_a_broker_that_is_away_for_days_gets_all_that_was_taken_meanwhile(ward_with, bench, long):
    """The days pass for the device in the time that its tries to connect take: its waits cost nothing."""
    ward, (pictures, hours) = ward_with(), (2_000, 72) if long else (10, 6)
    ward.broker.kill()
    ward.run("sync", hours=hours)
    ward.take(pictures)
    bench.until(ward.waited.exists, "the days", 600)
    tries, passed = ward.said("sync").count("broker-unreachable"), float(ward.waited.read_text())
    assert passed > hours
    assert passed * 12 <= tries <= passed * 24, "at least every five minutes, and not much oftener"
    assert len(ward.envelopes()) == pictures
    ward.nothing_is_lost()
    ward.broker.start()
    ward.settle(patience=60 + pictures, every=0.1 if pictures < 100 else 1.0)
    ward.all_is_well()
