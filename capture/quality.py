"""Would a clinician call this picture usable? Too dark, too bright, blurred, no wound in it: said, not forbidden. Pure.

Advisory: the picture is shown and may be kept, because the wound in front of the camera matters more than a threshold.
The thresholds come from 390 wound pictures of two public sets, as they are and degraded: docs/evaluation.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels

LOOK_AT: Final = 512
"""Longest side, pixels, at which a still is judged: what is finer than a pixel of that is not."""
LOOK_AT_LIVE: Final = 320
"""The same for a moment of the live view, which may cost a millisecond."""

DARK_BELOW: Final = 60.0
BLURRED_BELOW: Final = 0.2
BLOWN_ABOVE: Final = 0.25
WOUND_BELOW: Final = 0.0003
"""Share of the frame that our network takes for a wound: less than one place of its map is none."""
_WHITE: Final = 250
_SMEAR: Final = 5
"""Pixels of the streak that a second blur makes."""
_FAINT: Final = 2
"""Grey levels between neighbours that are the camera's steps and no edge."""
_BARE: Final = 0.02
"""Mean grey levels a pixel in edges, below which there are none to judge by: of a picture quite out of focus."""


class Verdict(StrEnum):
    """What the picture is like. The first that applies."""

    GOOD = "good"
    TOO_DARK = "too_dark"
    BLOWN_OUT = "blown_out"
    BLURRED = "blurred"
    TOO_FAR = "too_far"


_SENTENCES: Final = {
    Verdict.GOOD: "The picture is sharp and well lit.",
    Verdict.TOO_DARK: "The picture is too dark. Turn on a light and take it again.",
    Verdict.BLOWN_OUT: "Much of the picture is white from too much light. Turn the light away and take it again.",
    Verdict.BLURRED: "The picture is blurred. Hold the camera still, a hand's length away, and take it again.",
    Verdict.TOO_FAR: "No wound is seen. Go nearer, until it is a hand's length away.",
}


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured, and what it means.

    Attributes:
        brightness: the grey level, 0 to 255, that 95 % of the picture stays below.
        sharpness: the share of its edges, 0 to 1, that one more blur would take away, in the direction where it takes
            less; of a picture that is blurred already it takes little.
        blown: share of the picture, 0 to 1, that is white beyond measure.
        wound: share of the frame that our network takes for a wound; None where nobody looked.
    """

    brightness: float
    sharpness: float
    blown: float
    wound: float | None = None

    @property
    def verdict(self) -> Verdict:
        """What the picture is like."""
        if self.brightness < DARK_BELOW:
            return Verdict.TOO_DARK
        if self.blown > BLOWN_ABOVE:
            return Verdict.BLOWN_OUT
        if self.sharpness < BLURRED_BELOW:
            return Verdict.BLURRED
        return Verdict.TOO_FAR if self.wound is not None and self.wound < WOUND_BELOW else Verdict.GOOD

    @property
    def sentence(self) -> str:
        """What to do about it."""
        return _SENTENCES[self.verdict]


def assess(pixels: Pixels, *, look_at: int = LOOK_AT, wound: float | None = None) -> Quality:
    """The quality of H×W×3 uint8 RGB `pixels`, judged at `look_at` pixels; a smaller picture is judged at its own size.

    `wound` is the share of it that is taken for a wound, where somebody looked.
    """
    grey = _seen_at(pixels, look_at)
    levels = np.bincount(grey.ravel(), minlength=256)
    below = np.cumsum(levels) / grey.size
    return Quality(
        brightness=float(np.searchsorted(below, 0.95)),
        sharpness=round(_sharpness(grey), 3),
        blown=round(float(levels[_WHITE:].sum() / grey.size), 3),
        wound=None if wound is None else round(wound, 4),
    )


def _seen_at(pixels: Pixels, side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _sharpness(grey: NDArray[np.uint8]) -> float:
    """How much one more blur changes, along and across: F. Crété-Roffet et al., The Blur Effect (SPIE 6492, 2007)."""
    calm = cv2.GaussianBlur(grey, (3, 3), 0.8)  # noise is no sharpness
    along = _lost(calm, cv2.blur(calm, (_SMEAR, 1)), np.s_[:, 1:], np.s_[:, :-1])
    across = _lost(calm, cv2.blur(calm, (1, _SMEAR)), np.s_[1:], np.s_[:-1])
    return min(along, across)


def _lost(calm: cv2.typing.MatLike, smeared: cv2.typing.MatLike, after: _Slice, before: _Slice) -> float:
    """The share of the differences between neighbours that went with the smear; 0 where there are none."""
    if not calm[after].size:
        return 0.0
    edges = cv2.threshold(cv2.absdiff(calm[after], calm[before]), _FAINT, 0, cv2.THRESH_TOZERO)[1]
    left = cv2.absdiff(smeared[after], smeared[before])
    whole = cv2.sumElems(edges)[0]
    return cv2.sumElems(cv2.subtract(edges, left))[0] / whole if whole > _BARE * edges.size else 0.0


_Slice = slice | tuple[slice, slice]
