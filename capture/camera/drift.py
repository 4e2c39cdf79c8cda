"""A still picture moves gently, as if held by a hand, so that a replayed viewfinder is seen to be live. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from capture.camera.port import PREVIEW_SIZE
from inference.picture import Pixels

_ZOOM, _BREATH = 1.08, 0.04
_PERIODS_S = (11.0, 7.0, 9.0)


@dataclass(frozen=True, slots=True)
class Drift:
    """A picture prepared for drifting.

    Attributes:
        base: the picture, a little larger than the preview, so that zooming stays sharp.
        width, height: of the preview.
    """

    base: Pixels
    width: int
    height: int

    @classmethod
    def over(cls, pixels: Pixels) -> Drift:
        """A drift over `pixels`, with a preview that fits :data:`~capture.camera.port.PREVIEW_SIZE`."""
        height, width = pixels.shape[:2]
        scale = min(PREVIEW_SIZE[0] / width, PREVIEW_SIZE[1] / height, 1.0)
        size = max(1, int(width * scale)), max(1, int(height * scale))
        wanted = min(scale * (_ZOOM + _BREATH), 1.0)
        larger = max(size[0], round(width * wanted)), max(size[1], round(height * wanted))
        base = cv2.resize(pixels, larger, interpolation=cv2.INTER_AREA)
        return cls(base, *size)  # type: ignore[arg-type]

    def at(self, seconds: float) -> Pixels:
        """The preview at this moment; never shows anything beyond the picture's edge."""
        zoom_phase, x_phase, y_phase = (math.sin(2 * math.pi * seconds / period) for period in _PERIODS_S)
        zoom = _ZOOM + _BREATH * zoom_phase
        height, width = self.base.shape[:2]
        window = width / zoom, height / zoom
        left = (width - window[0]) * (0.5 + 0.45 * x_phase)
        top = (height - window[1]) * (0.5 + 0.45 * y_phase)
        across, down = window[0] / self.width, window[1] / self.height
        matrix = np.array([[across, 0.0, left], [0.0, down, top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(  # type: ignore[return-value]
            self.base, matrix, (self.width, self.height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
