"""Receiver processes that end at a named step of their work, or race there, over a real broker (promise 3).

The same steps without a broker are in tests/sync/receiver/test_receiver_faults.py.
"""

from __future__ import annotations

import time

import pytest

STEPS = ("chunks-committed", "before-ack", "before-put", "after-put", "before-commit", "after-commit")
OFFER_SECONDS = 0.5


@pytest.mark.parametrize("step", STEPS)
def test_a_receiver_that_ends_at_a_step_over_a_real_broker_files_each_picture_once(step, any_ward, long):
    ward = any_ward
    for run in range(1, 201 if long else 2):
        ward.stop("receiver")
        ward.take()
        (waiting,) = ward.envelopes()
        ward.run("receiver", step=step)
        assert ward.ends_or_arrives("receiver") == "ended", ward.said("receiver")
        ward.nothing_is_lost()
        assert (waiting in ward.filed()) == (step == "after-commit")
        assert waiting in ward.envelopes(), "the receipt was not sent yet"
        ward.run("receiver")
        if run % 10:
            ward.run("sync")  # which offers at once; a device that goes on waits first, and each its own while
        ward.settle()
    ward.all_is_well()


def both_at(ward, step):
    """Two receivers that have the same capture, whole, in their hands, and stand still at this step with it."""
    for role in ("sync", "receiver", "rival"):
        ward.stop(role)
    ward.take()
    pair = [ward.run(role, step=step, stops=True) for role in ("receiver", "rival")]
    deadline = time.monotonic() + 60
    while not all(one.stopped() for one in pair):
        assert time.monotonic() < deadline, "only one of them got the capture"
        # Nobody answered the device, so it offers again; the broker gives the offer to one or the other.
        ward.run("sync")
        end = time.monotonic() + OFFER_SECONDS
        while time.monotonic() < end and not all(one.stopped() for one in pair):
            time.sleep(0.01)
    return pair


@pytest.mark.parametrize("step", ["before-put", "after-put"])
def test_two_receivers_that_race_for_one_capture_file_it_once(step, any_ward, long):
    ward = any_ward
    for _ in range(100 if long else 1):
        pair = both_at(ward, step)
        ward.nothing_is_lost()
        (waiting,) = ward.envelopes()
        assert waiting not in ward.filed()
        for one in pair:
            one.go_on()
        ward.settle()
        filed = [ward.said(role).count(f'"{waiting}", "bytes"') for role in ("receiver", "rival")]
        assert sorted(filed) == [0, 1], "one of them filed it, and the other saw that"
    ward.stop("rival")
    ward.all_is_well()


@pytest.mark.parametrize("loser", ["receiver", "rival"])
def test_a_receiver_that_dies_in_the_race_leaves_it_to_the_other(loser, any_ward, long):
    ward = any_ward
    for _ in range(50 if long else 1):
        both_at(ward, "after-put")
        ward.stop(loser)
        (survivor,) = {"receiver", "rival"} - {loser}
        ward.running[survivor].go_on()
        ward.run(loser)
        ward.settle()
    ward.stop("rival")
    ward.all_is_well()
