"""How much memory this process holds: now, and at most since the peak was last forgotten. Linux tells both."""

from __future__ import annotations

import os
import re
import resource
import sys
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
_STATUS: Final = Path("/proc/self/status")
_FORGET: Final = Path("/proc/self/clear_refs")
_FORGET_PEAK: Final = "5"
"""Resets VmHWM: proc(5)."""


def resident_mib() -> float:
    """What is in memory now. Where the system does not say, the most that ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return peak_mib()
    return pages * os.sysconf("SC_PAGESIZE") / MIB


def peak_mib() -> float:
    """The most that was in memory since the last :func:`forget_peak`; where that does nothing, since the start."""
    try:
        said = re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text("ascii"), re.MULTILINE)
    except OSError:
        said = None
    if said is not None:
        return int(said[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MIB if sys.platform == "darwin" else most / 1024


def forget_peak() -> bool:
    """Whether the peak counts from now on; some containers forbid it, and then it only ever rises."""
    try:
        _FORGET.write_text(_FORGET_PEAK, "ascii")
    except OSError:
        return False
    return True
