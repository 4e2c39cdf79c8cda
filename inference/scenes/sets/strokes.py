"""Handwriting: letters as strokes of a pen on a grid, each written a little differently every time.

No font file is read, so that a set is the same wherever it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.scenes.printing import Box, Colour, Line, Sheet
from inference.scenes.texture import fractal

WRITTEN: Final = 4.0
"""Units of the sheet that a capital is high."""
_TALL: Final = 6.0
_SPACE: Final = 3.0

LETTERS: Final = MappingProxyType({
    "A": "062046 1434", "B": "0006 003041423303 0333444536 3606", "C": "413010010515364645",
    "D": "0006 002041454626 2606",
    "E": "400006 0333 0646", "F": "400006 0333", "G": "4130100105153646 464434", "H": "0006 4046 0343", "I": "2026",
    "J": "404536261504", "K": "0006 4003 1346", "L": "000646", "M": "0600234046", "N": "06004640",
    "O": "201001051626364541302010", "P": "0006 003041423303", "Q": "201001051626364541302010 3447",
    "R": "0006 003041423303 2346", "S": "413010011233444536160605", "T": "0040 2026", "U": "000516364540",
    "V": "002640", "W": "0016233640", "X": "0046 4006", "Y": "0023 402326", "Z": "00400646",
    "0": "2010010516263645413020", "1": "112026", "2": "01103041420646", "3": "011030414233 233344453616",
    "4": "300444 3036", "5": "400003334445361605", "6": "4120030516364544331304", "7": "004016",
    "8": "20100112334445361605043342413020", "9": "423313020110304146",
    "a": "423213041636454243 4246", "b": "0006 041333444516 1605", "c": "4232130415364645",
    "d": "4046 443313041636 3645",
    "e": "044443321304152645", "f": "3120112226 0343", "g": "423213041536454243 42473718", "h": "0006 0413334446",
    "i": "2226 2021", "j": "32372817 3031", "k": "0006 4204 1446", "l": "202536", "m": "0206 03122326 2332434546",
    "n": "0206 0413324346", "o": "221304152636454432 3222", "p": "0208 041332434516 1605",
    "q": "4248 433213041536 3645",
    "r": "0206 04133243", "s": "423213243445361605", "t": "20253646 0343", "u": "0205163645 4246", "v": "022642",
    "w": "0216243642", "x": "0246 4206", "y": "022544 421728", "z": "02420646",
    "/": "4007", ".": "2526", "-": "0343", ":": "2223 2526", ",": "2517", "+": "2226 0444", "#": "1016 3036 0242 0444",
})  # fmt: skip
"""Each letter's strokes, a pair of digits a point (x 0..4, y 0 at a capital's head, 6 on the line, 8 below it)."""


@dataclass(frozen=True, slots=True)
class Hand:
    """How somebody writes: the lean of the letters and how wide they are for their height."""

    slant: float
    wide: float

    @classmethod
    def some(cls, rng: np.random.Generator) -> Hand:
        """Anybody's."""
        return cls(float(rng.uniform(-0.1, 0.28)), float(rng.uniform(0.82, 1.1)))


def written(
    rng: np.random.Generator,
    lines: tuple[str, ...],
    scale: float,
    *,
    colour: Colour,
    thick: float = 0.16,
) -> Sheet:
    """A sheet of nothing but ink: `lines` by one hand, capitals :data:`WRITTEN` units high, the pen `thick` of that.

    Raises:
        ValueError: a letter that this hand cannot write.
    """
    hand, pitch, margin = Hand.some(rng), WRITTEN * rng.uniform(1.5, 1.9), WRITTEN * 0.5
    strokes: list[NDArray[np.float64]] = []
    laid: list[Line] = []
    for row, text in enumerate(lines):
        at, words = np.array([margin, margin + WRITTEN * 1.1 + row * pitch]), []
        for word in text.split():
            lettered, wide = _word(rng, hand, word, at)
            corners = np.concatenate(lettered)
            low, high = corners.min(axis=0) - thick * WRITTEN / 2, corners.max(axis=0) + thick * WRITTEN / 2
            box: Box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
            words.append((word, box))
            strokes += lettered
            at[0] += wide + _SPACE / _TALL * WRITTEN * hand.wide
        laid.append(Line(tuple(words), WRITTEN, identifying=True))
    boxes = [box for line in laid for _, box in line.words]
    sheet = Sheet(
        max(box[0] + box[2] for box in boxes) + margin,
        max(box[1] + box[3] for box in boxes) + margin,
        scale,
        paper=colour,
        radius=0.0,
    )
    sheet.lines = laid
    sheet.alpha = _inked(rng, sheet, strokes, thick * WRITTEN)
    return sheet


def _word(
    rng: np.random.Generator, hand: Hand, word: str, at: NDArray[np.float64]
) -> tuple[list[NDArray[np.float64]], float]:
    """The strokes of a word that begins on the line at `at`, and its width."""
    strokes: list[NDArray[np.float64]] = []
    grid, pen = WRITTEN / _TALL, 0.0
    for letter in word:
        if letter not in LETTERS:
            raise ValueError(f"no stroke is known for {letter!r}")
        lift, grow = rng.normal(0, 0.16), rng.uniform(0.93, 1.07)
        right = 0.0
        for stroke in LETTERS[letter].split():
            points = np.array([(int(x), int(y)) for x, y in zip(stroke[::2], stroke[1::2], strict=True)], np.float64)
            points += rng.normal(0, 0.11, points.shape)
            right = max(right, float(points[:, 0].max()))
            y = (points[:, 1] - _TALL + lift) * grow
            x = points[:, 0] * hand.wide - hand.slant * y
            strokes.append(_rounded(at + [pen, 0] + np.stack([x, y], axis=1) * grid))
        pen += (right * hand.wide + rng.uniform(1.1, 1.5)) * grid
    return strokes, pen


def _rounded(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The stroke with its corners cut twice (Chaikin), as a hand rounds them; its ends stay."""
    for _ in range(2 if len(points) > 2 else 0):
        left, right = points[:-1] * 0.8 + points[1:] * 0.2, points[:-1] * 0.2 + points[1:] * 0.8
        inner = np.stack([left, right], axis=1).reshape(-1, 2)[1:-1]
        points = np.concatenate([points[:1], inner, points[-1:]])
    return points


def _inked(
    rng: np.random.Generator, sheet: Sheet, strokes: list[NDArray[np.float64]], thick: float
) -> NDArray[np.uint8]:
    ink: NDArray[np.uint8] = np.zeros_like(sheet.alpha)
    for stroke in strokes:
        points = [np.round(stroke * sheet.scale * 8).astype(np.int32)]
        pen = max(1, round(thick * sheet.scale * float(rng.uniform(0.85, 1.15))))
        cv2.polylines(ink, points, False, (255,), pen, cv2.LINE_AA, 3)
    worn = 0.88 + 0.09 * fractal(rng, (ink.shape[0], ink.shape[1]), 2.0 * sheet.scale, octaves=2)
    return np.asarray(np.clip(ink * worn, 0, 255), np.uint8)
