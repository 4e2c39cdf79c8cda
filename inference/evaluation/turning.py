"""Pictures and their truths turned by any angle, exactly together. Pure.

Counter-clockwise, as in `numpy.rot90` and :mod:`inference.geometry`. The canvas grows until the whole picture is on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.evaluation.annotations import AnnotatedPicture, Bits
from inference.picture import Pixels, Polygon

_QUARTER = 90


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a width × height picture by whole degrees, counter-clockwise."""

    degrees: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the canvas that holds the turned picture."""
        c, s = (abs(value) for value in self._cosine_and_sine)
        wide, high = self.width * c + self.height * s, self.width * s + self.height * c
        return int(np.ceil(wide - 1e-9)), int(np.ceil(high - 1e-9))

    def polygon(self, polygon: Polygon) -> Polygon:
        """The polygon in the turned picture."""
        c, s = self._cosine_and_sine
        from_middle = np.asarray(polygon, dtype=np.float64) - (self.width / 2, self.height / 2)
        turned = from_middle @ np.array([[c, -s], [s, c]]) + np.array(self.size) / 2
        return tuple((float(x), float(y)) for x, y in turned)

    def pixels(self, pixels: Pixels) -> Pixels:
        """The turned picture, on a grey as bright as the picture's rim, so that the rim is no edge of its own."""
        if self.degrees % _QUARTER == 0:
            return np.ascontiguousarray(np.rot90(pixels, self.degrees // _QUARTER))
        grey = (float(rim_grey(pixels)),) * 3
        return self._warped(pixels, cv2.INTER_LINEAR, grey)

    def bits(self, bits: Bits) -> Bits:
        """The turned mask."""
        if self.degrees % _QUARTER == 0:
            return np.ascontiguousarray(np.rot90(bits, self.degrees // _QUARTER))
        return self._warped(bits.astype(np.uint8), cv2.INTER_NEAREST, (0.0,)).astype(np.bool_)

    def picture(self, picture: AnnotatedPicture) -> AnnotatedPicture:
        """The annotated picture, turned whole."""
        truths = tuple(
            replace(
                truth,
                polygon=self.polygon(truth.polygon),
                mask=None if truth.mask is None else self._kept(truth.mask),
            )
            for truth in picture.truths
        )
        wound = None if picture.wound is None else self.bits(picture.wound)
        return replace(picture, pixels=self.pixels(picture.pixels), truths=truths, wound=wound)

    def _kept(self, mask: Bits) -> Bits | None:
        """The turned mask, or None where it was so thin that no pixel of it is left: the polygon speaks then."""
        turned = self.bits(mask)
        return turned if turned.any() else None

    @property
    def _cosine_and_sine(self) -> tuple[float, float]:
        angle = np.deg2rad(self.degrees % 360)
        return float(np.round(np.cos(angle), 15)), float(np.round(np.sin(angle), 15))

    def _warped(self, image: NDArray[np.uint8], flags: int, border: tuple[float, ...]) -> NDArray[np.uint8]:
        """OpenCV puts a pixel's middle at whole numbers: half a pixel up and left of ours."""
        corners = self.polygon(((0.5, 0.5), (1.5, 0.5), (0.5, 1.5)))
        origin, right, down = np.array(corners)
        matrix = np.column_stack([right - origin, down - origin, origin - 0.5])
        warped = cv2.warpAffine(
            image, matrix, self.size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=border
        )
        return np.asarray(warped, dtype=np.uint8)


def rim_grey(pixels: Pixels) -> int:
    """The median brightness of the outermost pixels: 0 to 255."""
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return int(np.median(cv2.cvtColor(rim[None], cv2.COLOR_RGB2GRAY)))
