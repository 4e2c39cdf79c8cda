"""Sealing is on the shutter's path: a bound loose enough for a shared machine; the figure is in docs/benchmarks.md."""

from __future__ import annotations

import os
import statistics
import time

from capture.envelope import Body, seal


def test_five_megabytes_are_sealed_within_a_few_frames(maker):
    body = Body(maker.manifest(), os.urandom(5_000_000))
    times = []
    for _ in range(9):
        start = time.perf_counter()
        seal(body, maker.CONTEXT)
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 0.1
