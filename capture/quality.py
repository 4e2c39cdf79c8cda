"""Would a clinician call this picture usable? Too dark, too blurred, blown out: with numbers and a sentence. Pure.

Advisory: the picture is shown and may be kept, because the wound in front of the camera matters more than a threshold.
The thresholds come from 390 wound pictures of two public sets, of which none is called unusable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from inference.picture import Pixels

LOOK_AT: Final = 512
"""Longest side, pixels, at which a picture is judged: sharpness then means the same for every camera."""

DARK_BELOW: Final = 60.0
BLURRED_BELOW: Final = 6.0
BLOWN_ABOVE: Final = 0.25
_WHITE: Final = 250


class Verdict(StrEnum):
    """What the picture is like. The first that applies."""

    GOOD = "good"
    TOO_DARK = "too_dark"
    BLOWN_OUT = "blown_out"
    BLURRED = "blurred"


_SENTENCES: Final = {
    Verdict.GOOD: "The picture is sharp and well lit.",
    Verdict.TOO_DARK: "The picture is too dark. Turn on a light and take it again.",
    Verdict.BLOWN_OUT: "Much of the picture is white from too much light. Turn the light away and take it again.",
    Verdict.BLURRED: "The picture is blurred. Hold the camera still, a hand's length away, and take it again.",
}


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured, and what it means.

    Attributes:
        brightness: the grey level, 0 to 255, that 95 % of the picture stays below.
        sharpness: the 99th percentile of edge strength at :data:`LOOK_AT`, in grey levels.
        blown: share of the picture, 0 to 1, that is white beyond measure.
    """

    brightness: float
    sharpness: float
    blown: float

    @property
    def verdict(self) -> Verdict:
        """What the picture is like."""
        if self.brightness < DARK_BELOW:
            return Verdict.TOO_DARK
        if self.blown > BLOWN_ABOVE:
            return Verdict.BLOWN_OUT
        return Verdict.BLURRED if self.sharpness < BLURRED_BELOW else Verdict.GOOD

    @property
    def sentence(self) -> str:
        """What to do about it."""
        return _SENTENCES[self.verdict]


def assess(pixels: Pixels) -> Quality:
    """The quality of H×W×3 uint8 RGB `pixels`."""
    height, width = pixels.shape[:2]
    scale = LOOK_AT / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    grey = cv2.cvtColor(cv2.resize(pixels, size, interpolation=how), cv2.COLOR_RGB2GRAY)
    edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 0.8), cv2.CV_32F))  # noise is no sharpness
    return Quality(
        brightness=round(float(np.percentile(grey, 95)), 1),
        sharpness=round(float(np.percentile(edges, 99)), 1),
        blown=round(float(np.mean(grey >= _WHITE)), 3),
    )
