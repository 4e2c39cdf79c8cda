"""Many timings as few figures, and memory as the system tells it."""

import numpy as np
import pytest

from firmware.measuring.bench import BenchPlan
from firmware.measuring.figures import by_stage, per_second, percentile, percentiles, slope
from firmware.measuring.memory import forget_peak, peak_mib, resident_mib
from firmware.measuring.soak import Held


def test_a_percentile_lies_between_its_neighbours():
    assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.5
    assert percentiles(list(range(101)), (50, 95, 99)) == {"p50": 50, "p95": 95, "p99": 99}


def test_frames_a_second_count_the_time_of_every_frame():
    assert per_second([10.0, 30.0]) == 50.0


def test_each_stage_has_its_own_percentile():
    rows = [{"look": 1.0, "seal": 9.0}, {"look": 3.0, "seal": 5.0}, {"look": 2.0, "seal": 7.0}]
    assert by_stage(rows, 50) == {"look": 2.0, "seal": 7.0}


def test_a_slope_is_that_of_the_line_through_the_noise():
    frames = list(range(0, 1000, 10))
    noise = np.random.default_rng(3).normal(0, 1, len(frames))
    assert slope(frames, [400 + 0.05 * frame for frame in frames]) == pytest.approx(0.05)
    assert slope(frames, [400 + 0.05 * frame + bit for frame, bit in zip(frames, noise, strict=True)]) == pytest.approx(
        0.05, abs=0.005
    )


@pytest.mark.parametrize(("places", "values"), [([], []), ([1], [2]), ([1, 1], [2, 3]), ([1, 2], [3])])
def test_there_is_no_slope_through_one_place(places, values):
    with pytest.raises(ValueError, match="two places"):
        slope(places, values)


def test_what_was_held_while_warming_up_does_not_count():
    held = Held()
    for frame in range(10, 110, 10):
        held.note(frame, 100.0 if frame < 20 else 500.0)
    assert held.after_warm_up() == Held([float(frame) for frame in range(20, 110, 10)], [500.0] * 9)


def test_a_large_array_is_seen_in_memory_and_its_peak_is_forgotten():
    forget_peak()
    before = resident_mib()
    held = np.ones(16_000_000)
    assert resident_mib() > before + 100
    assert peak_mib() > before + 100
    peak = peak_mib()
    del held
    if forget_peak():
        assert peak_mib() < peak - 100


@pytest.mark.parametrize("wrong", [{"stills": 0}, {"growing": 0}, {"live_frames": 0}, {"soak": 19}, {"sizes": ()}])
def test_a_bench_that_measures_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=r"once at least|frames at the earliest"):
        BenchPlan(**wrong)
