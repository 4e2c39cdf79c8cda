"""The broker is killed while pictures are being sent, and forgets: everything, or what it had saved (promise 3)."""

from __future__ import annotations

import random

import pytest

PICTURES = 5
STORE = "persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1"


def kill_in_the_middle(ward, bench, chance):
    """Pictures begin their way; after some chunks the broker is gone."""
    ward.stop("sync")
    for _ in range(PICTURES):
        ward.take()
    assert ward.wire.listening.wait(bench.PATIENCE)
    seen = ward.wire.kinds["chunk"] + chance.randint(1, 2 * PICTURES - 2)
    ward.run("sync")
    bench.until(lambda: ward.wire.kinds["chunk"] >= seen or ward.arrived(), "chunks on the wire")
    unsent = len(ward.envelopes())
    ward.broker.kill()
    ward.nothing_is_lost()
    return unsent > 0


def test_a_broker_that_is_killed_and_forgets_everything_loses_nothing(ward, bench, long, seed):
    chance, kills = random.Random(seed), 0
    while kills < (100 if long else 3):
        kills += kill_in_the_middle(ward, bench, chance)
        ward.broker.start()
        ward.settle()
    ward.all_is_well()


@pytest.fixture(scope="module")
def storing(ward_with):
    """A ward whose broker keeps what it has on the disk."""
    return ward_with(store=STORE)


@pytest.mark.parametrize("deleted", [False, True], ids=["old-store", "no-store"])
def test_a_broker_that_comes_back_with_an_old_store_or_without_its_store_loses_nothing(
    deleted, storing, bench, long, seed
):
    ward, chance = storing, random.Random(seed)
    for _ in range(50 if long else 1):
        kill_in_the_middle(ward, bench, chance)
        store = ward.place.broker / "mosquitto.db"
        assert store.exists()
        if deleted:
            store.unlink()
        ward.broker.start()
        ward.settle()
    ward.all_is_well()
