"""A clock that is ten years wrong, or jumps, on the device or at the hospital, costs no picture (promise 3).

The services run under libfaketime, so that OpenSSL, SQLite and Python all read the wrong time. A wrong clock may stop
the sending, because a certificate then looks expired or not yet valid; it may not lose, erase or refuse anything.
"""

from __future__ import annotations

from pathlib import Path

import pytest

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
ROLES = {"device": ("capture", "sync"), "hospital": ("receiver",)}
RIGHT = "+0d"
WRONG = ("+3650d", "-3650d")


class Clock:
    """The wall clock of everything that runs on one machine."""

    def __init__(self, folder):
        self._file = folder / "clock"
        self.show(RIGHT)
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[-1]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def show(self, shift):
        self._file.write_text(shift + "\n")


@pytest.fixture(scope="module", params=sorted(ROLES))
def machine(request):
    return request.param


@pytest.fixture(scope="module")
def clock(ward, machine, bench, tmp_path_factory):
    """The clock of the device or of the hospital, in the tester's hands."""
    if not LIBRARIES:
        pytest.skip("libfaketime is not installed; tests/servers.sh says how")
    shown = Clock(tmp_path_factory.mktemp("clock"))
    with ward.moved(ROLES[machine], shown.environment):
        yield shown


@pytest.mark.parametrize("shift", WRONG)
def test_a_clock_that_is_ten_years_wrong_delays_pictures_and_loses_none(ward, machine, clock, bench, shift):
    clock.show(shift)
    for role in ("sync", "receiver"):
        ward.run(role)
    ward.take()
    where = "sync" if machine == "device" else "receiver"
    bench.until(lambda: "broker-unreachable" in ward.said(where), "the wrong clock to be noticed")
    ward.nothing_is_lost()
    assert len(ward.envelopes()) == 1
    clock.show(RIGHT)
    ward.run(where)
    ward.settle()
    ward.all_is_well()


@pytest.mark.parametrize("shift", WRONG)
def test_a_clock_that_jumps_while_connected_stops_nothing(ward, clock, shift):
    clock.show(RIGHT)
    for role in ("sync", "receiver"):
        ward.run(role)
    ward.take()
    ward.settle()
    clock.show(shift)
    ward.take()
    ward.settle()
    clock.show(RIGHT)
    ward.take()
    ward.settle()
    ward.all_is_well()
