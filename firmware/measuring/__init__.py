"""Figures of this machine: how fast the live view, a still and a seal are, and what memory they take.

One file for each thing that is measured; :mod:`firmware.measuring.bench` puts them together for `wardlens bench`, and
:mod:`firmware.measuring.peers` runs the live view beside another program. The pictures are drawn from fixed seeds, so
that two machines look at the same thing. Nothing here decides anything: no service imports it.
"""

from firmware.measuring.bench import BenchPlan, measure

__all__ = ["BenchPlan", "measure"]
