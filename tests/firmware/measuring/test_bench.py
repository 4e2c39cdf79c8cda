"""`wardlens bench`: every figure under the key that its docstring names, from detectors that find nothing."""

import re

import pytest

from firmware.measuring import BenchPlan, measure
from firmware.measuring.bench import STEPS
from inference import Deidentifier, Kind
from sync.receiver import OpeningKey

SMALL = (640, 480)


class Blind:
    """A detector that finds nothing, at once."""

    def __init__(self, kind):
        self.name, self.kinds, self.models = str(kind), frozenset({kind}), {"blind": "0" * 64}

    def detect(self, _image):
        return []


@pytest.fixture(scope="module")
def measured():
    """The figures, and how the progress bar moved."""
    blind = [Blind(kind) for kind in Kind]
    deidentifier = Deidentifier(still=blind, live=blind, second_look=blind[:1], threads=1)
    plan = BenchPlan(
        live_frames=10, stills=2, growing=1, sizes=(SMALL, (1200, 900)), still_size=SMALL, soak=30, seals=1
    )
    steps = []
    try:
        yield measure(deidentifier, OpeningKey.generate().public, plan, lambda done, _="": steps.append(done)), steps
    finally:
        deidentifier.close()


def test_every_key_is_documented_and_every_documented_key_is_there(measured):
    documented = set()
    for line in re.findall(r"^    - (.*)", measure.__doc__, re.MULTILINE):
        documented |= set(re.findall(r"`(\w+)`", line.split(":")[0]))
    assert documented == set(measured[0])


def test_the_bar_goes_to_its_end(measured):
    assert measured[1] == list(range(STEPS + 1))


def test_frames_have_rates_and_percentiles_and_each_kind_the_age_of_its_look(measured):
    figures = measured[0]
    assert figures["live_frames"] == 10
    assert figures["live_fps"] > 0
    assert figures["faces_only_fps"] > 0
    for name in ("live_latency_ms", "faces_only_latency_ms"):
        assert 0 < figures[name]["p50"] <= figures[name]["p95"] <= figures[name]["p99"]
    assert set(figures["live_look_age_ms"]) == set(Kind)
    assert figures["live_look_age_ms"]["face"] == {"p50": 0, "p99": 0, "most": 0}


def test_a_still_has_each_stage_at_the_middle_and_near_the_end(measured):
    figures = measured[0]
    stages = {"look", "encode", "seal", "vault", "total"}
    assert stages <= set(figures["still_ms"]) == set(figures["still_p95_ms"])
    assert all(figures["still_ms"][stage] <= figures["still_p95_ms"][stage] for stage in stages)
    assert figures["seal_ms"] > 0


def test_each_size_of_still_has_its_time_and_its_memory(measured):
    by_size = measured[0]["still_by_megapixels"]
    assert [one["megapixels"] for one in by_size.values()] == pytest.approx([0.3072, 1.08])
    assert all(one["total_ms"] > 0 and one["peak_mib"] > 10 for one in by_size.values())


def test_the_memory_run_takes_a_still_after_each_ten_frames(measured):
    memory = measured[0]["memory"]
    assert (memory["frames"], memory["stills"]) == (30, 3)
    assert memory["most_mib"] >= memory["last_mib"] > 10
