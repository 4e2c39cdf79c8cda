"""A second witness for text: a recogniser's answer for one line, as how sure it is that there are letters.

Skin, wounds and creased cloth look like lines of text to a detector (up to a quarter of wound pixels), but a recogniser
reads no letters there. What the letters are is never decoded: this module has no alphabet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import Canvas
from inference.picture import Pixels

LINES: Final = (Canvas(96, 48), Canvas(192, 48), Canvas(320, 48))
"""A line is read on the narrowest canvas that holds it: most are short, and a reader's time is its canvas's."""
_BLANK: Final = 0
_NARROWEST: Final = 16
_GROUND: Final = 127
_SQUEEZED: Final = 1.4
FEWEST_LETTERS: Final = 2
"""Different letters that writing has at least."""
REPEATED: Final = 4
"""From so many letters on, no letter is more than half of them."""
LONG: Final = 8
VARIED: Final = 3
"""From LONG letters on, one in so many at least is one that was not there before."""
SQUARE: Final = 1.8
"""Times as wide as high: what is less may have its lines running down."""
_ROWS: Final = ((0.0, 0.54), (0.46, 1.0), (0.29, 0.71))
"""Where rows begin and end; each reaches a little into the next."""

Quad = NDArray[np.float64]


def letters(outputs: list[NDArray[np.float32]]) -> tuple[float, tuple[int, ...]]:
    """Mean probability of the letters that greedy CTC decoding sees, and how often it sees each, the commonest first.

    Graves et al., "Connectionist Temporal Classification" (2006): a letter is a run of one class that is not blank.

    Raises:
        ValueError: not one 1×T×C tensor of probabilities.
    """
    if len(outputs) != 1 or outputs[0].ndim != 3 or outputs[0].shape[0] != 1 or outputs[0].shape[2] < 2:
        raise ValueError(f"a recogniser answers 1×T×C, got {[output.shape for output in outputs]}")
    steps = outputs[0][0]
    if not np.isfinite(steps).all() or steps.min() < -0.01 or steps.max() > 1.01:
        raise ValueError("a recogniser answers with probabilities")
    best = steps.argmax(axis=1)
    begins = np.concatenate([[True], best[1:] != best[:-1]]) & (best != _BLANK)
    if not begins.any():
        return 0.0, ()
    sure = float(np.clip(steps.max(axis=1)[begins].mean(), 0, 1))
    _, counts = np.unique(best[begins], return_counts=True)
    return sure, tuple(sorted(counts.tolist(), reverse=True))


def is_writing(counts: Sequence[int]) -> bool:
    """Whether letters that were seen so often each may be words.

    Ticks, stitches, waves and prints on cloth read as one letter, or few, over and over.
    """
    seen = sum(counts)
    if len(counts) < FEWEST_LETTERS or (seen >= REPEATED and 2 * counts[0] > seen):
        return False
    return seen < LONG or VARIED * len(counts) > seen


def lying(quad: Quad) -> Quad:
    """The corners of a line in the order that lays its long side across, upright or upside down."""
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    if sides[0] < sides[1]:
        quad = np.roll(quad, -1, axis=0)
    along, across = quad[1] - quad[0], quad[3] - quad[0]
    return quad[::-1] if along[0] * across[1] - along[1] * across[0] < 0 else quad


def other_ways(quad: Quad) -> Iterator[Quad]:
    """A piece of writing, lying, as its lines might run otherwise: across it, if it is about as high as wide."""
    if np.linalg.norm(quad[1] - quad[0]) < SQUARE * np.linalg.norm(quad[3] - quad[0]):
        yield np.roll(quad, -1, axis=0)


def rows_of(quad: Quad) -> Iterator[Quad]:
    """The upper half, the lower half and the middle third of a piece of writing, in which one line may lie alone."""
    for low, high in _ROWS:
        yield _rows(quad, low, high)


def _rows(quad: Quad, low: float, high: float) -> Quad:
    left, right = quad[3] - quad[0], quad[2] - quad[1]
    return np.stack([quad[0] + left * low, quad[1] + right * low, quad[1] + right * high, quad[0] + left * high])


def straighten(image: Pixels, quad: Quad) -> Pixels:
    """The line inside `quad`, its first two corners at the top left and the top right, laid flat on a canvas."""
    longest, height = LINES[-1].width, LINES[-1].height
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    width = max(_NARROWEST, round(height * sides[0] / max(sides[1], 1.0)))
    if width > longest * _SQUEEZED:
        # Its middle tells as well whether there are letters; squeezed into the canvas, nobody could read it.
        quad = _middle_of(quad, longest / width)
    width = min(width, longest)
    canvas = next(line for line in LINES if line.width >= width)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(np.ascontiguousarray(quad, dtype=np.float32), corners)
    line = np.full((height, canvas.width, 3), _GROUND, dtype=np.uint8)
    line[:, :width] = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return line


def _middle_of(quad: Quad, share: float) -> Quad:
    """The middle of a line, so long a part of it."""
    low, high = (1 - share) / 2, (1 + share) / 2
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    return np.stack([quad[0] + top * low, quad[0] + top * high, quad[3] + bottom * high, quad[3] + bottom * low])


def upside_down(line: Pixels) -> Pixels:
    """The line as it reads from the other side."""
    return np.ascontiguousarray(line[::-1, ::-1])
