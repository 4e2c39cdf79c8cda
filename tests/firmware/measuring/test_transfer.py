"""The way to the hospital is measured with the real broker and the services as they ship; here with tiny sizes."""

from __future__ import annotations

import json

import pytest

from firmware.measuring.transfer.plan import PARTS, TransferPlan, measure_transfer


@pytest.fixture(scope="module")
def figures(program):
    program("mosquitto")
    tiny = TransferPlan(
        rounds=1,
        envelopes=2,
        size=150_000,
        receivers=(1, 2),
        connected=4,
        uploading=2,
        few=2,
        waiting=20,
        waiting_size=20_000,
        link=1e6,
    )
    steps = []
    found = measure_transfer(tiny, lambda done, doing="": steps.append(doing))
    assert steps == list(PARTS)
    return json.loads(json.dumps(found))


def test_the_uplink_is_given_as_a_share_of_bare_mqtt_in_the_same_run(figures):
    uplink = figures["uplink"]
    assert uplink["share"] == pytest.approx(uplink["wardlens_mb_s"][0] / uplink["bare_mb_s"][0], rel=0.1)
    assert uplink["wardlens_cpu_s_per_mb"] > 0
    assert uplink["bare_cpu_s_per_mb"] > 0


def test_a_receivers_time_is_split_and_adds_up(figures):
    receivers = figures["receivers"]
    assert receivers["captures_per_second"].keys() == {"1", "2"}
    took = receivers["one_receiver_ms"]
    steps = ("chunk commit", "verify and open", "put", "receipt and rows", "commit")
    total = sum(took[step] for step in steps)
    assert all(took[step] > 0 for step in steps)
    assert total == pytest.approx(1000 / receivers["captures_per_second"]["1"], rel=0.1)
    assert took["verify alone"] + took["open alone"] < total


def test_a_receivers_memory_is_given_before_and_after_the_fleet_has_sent(figures):
    fleet = figures["fleet"]
    assert fleet["envelopes"] == 4
    assert 10 < fleet["receiver_mb_at_start"] <= fleet["receiver_mb_peak"]
    assert fleet["receiver_mb_at_end"] <= fleet["receiver_mb_peak"]


def test_a_long_queue_is_never_quicker_than_its_link(figures):
    drain = figures["drain"]
    assert 0 < drain["share_of_link"] <= 1.05
    assert drain["peak_mb_with_2"] > 10
    assert drain["peak_mb_with_20"] > 10
