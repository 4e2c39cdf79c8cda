"""A receiver process that ends at a named step of its work, over a real broker (promise 3).

The same steps without a broker, on both databases, are in tests/sync/receiver/test_receiver_faults.py.
"""

from __future__ import annotations

import pytest

STEPS = ("chunks-committed", "before-ack", "before-put", "after-put", "before-commit", "after-commit")


@pytest.mark.parametrize("step", STEPS)
def test_a_receiver_that_ends_at_a_step_over_a_real_broker_files_each_picture_once(step, ward, long):
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
