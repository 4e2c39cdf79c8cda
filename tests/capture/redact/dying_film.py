"""Redacts a film and is killed at one step of it.

dying_film.py FILM OUT STEP

A step is a frame that was looked at or covered, counted from 1; the process kills itself (SIGKILL) right after it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from conftest import MagentaDetector, engine_of

from capture.redact import Step, redact


def main() -> None:
    _, film, out, dies_at = sys.argv
    steps = 0

    def progress(step: Step) -> None:
        nonlocal steps
        steps += step.doing != ""
        if steps == int(dies_at):
            os.kill(os.getpid(), signal.SIGKILL)

    redact(engine_of(MagentaDetector()), [Path(film)], Path(out), progress=progress)


main()
