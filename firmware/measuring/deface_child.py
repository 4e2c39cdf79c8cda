"""deface's own detector on a film, in deface's own environment. Run by its interpreter; imports nothing of Wardlens.

    python -I deface_child.py FILM.npy BACKEND

It says {"ready": backend} on a line of its own, then answers each line {"frames": [n, …]} with a line
{"milliseconds": [t, …], "boxes": [[[left, top, right, bottom], …], …]}: what deface 1.5.0 does in its loop over a
video (deface/deface.py, video_detect) with its default threshold and size, up to and without its drawing.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time

import numpy as np
from deface.centerface import CenterFace

THRESHOLD = 0.2
"""deface's default (deface/deface.py, --thresh)."""


def main(film: str, backend: str) -> None:
    """Answer until there are no more questions."""
    frames = np.load(film)
    with contextlib.redirect_stdout(sys.stderr):  # it prints which provider it runs on
        centerface = CenterFace(in_shape=None, backend=backend)
    _say({"ready": centerface.backend})
    for line in sys.stdin:
        milliseconds = []
        boxes = []
        for number in json.loads(line)["frames"]:
            frame = frames[number]
            start = time.perf_counter()
            found, _ = centerface(frame, threshold=THRESHOLD)
            milliseconds.append((time.perf_counter() - start) * 1000)
            boxes.append([[float(value) for value in row[:4]] for row in found])
        _say({"milliseconds": milliseconds, "boxes": boxes})


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
