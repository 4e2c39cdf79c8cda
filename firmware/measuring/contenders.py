"""Who looks at the film: Wardlens' live view, and deface in a process and an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np

from firmware.errors import WorkFailed
from firmware.measuring.film import Film
from inference import Deidentifier, Frame, Polygon, steady

MASK_SCALE: Final = 1.3
"""deface's default (deface/deface.py, --mask-scale): so much is added to a box on each side, less 1."""
_ELLIPSE_CORNERS: Final = 72
_STEP_NS: Final = 33_333_333


@dataclass(frozen=True, slots=True)
class Block:
    """Some frames of the film, looked at one after the other.

    Attributes:
        milliseconds: what each took.
        shapes: what is covered in each.
    """

    milliseconds: tuple[float, ...]
    shapes: tuple[tuple[Polygon, ...], ...]


class Contender(Protocol):
    """One who looks at the film."""

    name: str

    def look(self, frames: Sequence[int]) -> Block:
        """These frames of the film."""


class Wardlens:
    """The live view as the camera service runs it: from a frame to its redacted picture, with all that is held."""

    def __init__(self, name: str, deidentifier: Deidentifier, film: Film) -> None:
        self.name = name
        self._deidentifier = deidentifier
        self._film = film

    def look(self, frames: Sequence[int]) -> Block:
        """These frames, at the moments at which they are shown.

        Raises:
            DetectionFailed: a detector failed.
        """
        milliseconds: list[float] = []
        shapes: list[tuple[Polygon, ...]] = []
        for number in frames:
            frame = Frame(self._film.frames[number], time.monotonic_ns())
            start = time.perf_counter()
            view = self._deidentifier.live(frame)
            milliseconds.append((time.perf_counter() - start) * 1000)
            shapes.append(tuple(region.polygon for region in view.regions))
        return Block(tuple(milliseconds), tuple(shapes))


class WardlensFilms(Wardlens):
    """The film as `wardlens redact` covers one, but for reading and writing: seen in one pass, covered in another."""

    def look(self, frames: Sequence[int]) -> Block:
        """These frames, as one film; several are looked at beside each other, so each took its share of the whole.

        Raises:
            DetectionFailed: a detector failed.
        """
        shown = [Frame(self._film.frames[number], place * _STEP_NS) for place, number in enumerate(frames)]
        start = time.perf_counter()
        covers = steady(self._deidentifier.sightings((frame, False) for frame in shown))
        views = [self._deidentifier.filmed(frame, cover) for frame, cover in zip(shown, covers, strict=True)]
        took = (time.perf_counter() - start) * 1000 / max(1, len(shown))
        return Block((took,) * len(views), tuple(tuple(region.polygon for region in view.regions) for view in views))


class Deface:
    """deface's detection, frame by frame, without its drawing; what it would cover is its default mask, an ellipse.

    Args:
        python: the interpreter of an environment with deface in it.
        film: a .npy file of the film's frames.
        backend: "onnxrt" or "opencv", as deface calls them.

    Raises:
        WorkFailed: it cannot be started.
    """

    def __init__(self, name: str, python: Path, film: Path, backend: str) -> None:
        self.name = name
        child = Path(__file__).with_name("deface_child.py")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own file, no shell
                [python, "-I", child, film, backend],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
                text=True,
            )
        except OSError as error:
            raise WorkFailed(f"{python} cannot be started ({error.strerror}); run `make bench-peers`.") from error
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """No more questions: the child ends."""
        self._process.communicate()

    def look(self, frames: Sequence[int]) -> Block:
        """These frames.

        Raises:
            WorkFailed: deface ended before it answered.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended; its answer will be missing
            self._process.stdin.write(json.dumps({"frames": list(frames)}) + "\n")
            self._process.stdin.flush()
        answer = self._answer()
        return Block(
            tuple(answer["milliseconds"]), tuple(tuple(default_mask(box) for box in found) for found in answer["boxes"])
        )

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise WorkFailed(f"{self.name} ended without an answer; run `make clean` and `make bench-peers` again.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def default_mask(box: Sequence[float]) -> Polygon:
    """The ellipse that deface draws for a box (left, top, right, bottom), as it scales it (scale_bb, draw_det)."""
    left, top, right, bottom = (float(int(value)) for value in box)
    wider, higher = (right - left) * (MASK_SCALE - 1), (bottom - top) * (MASK_SCALE - 1)
    radii = ((right - left) / 2 + wider, (bottom - top) / 2 + higher)
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
    xs = (left + right) / 2 + radii[0] * np.cos(angles)
    ys = (top + bottom) / 2 + radii[1] * np.sin(angles)
    return tuple((float(x), float(y)) for x, y in zip(xs, ys, strict=True))
