"""A drawn picture of a set: its pixels as they come out of the JPEG, and everything that is true about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.picture import Kind, Pixels, Polygon


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """An identifier in a drawn picture.

    Attributes:
        kind: what it is.
        polygon: the outline of the largest piece of it that is to be seen, pixels.
        corner: x and y of the bitmap's first pixel.
        bitmap: h×w bool, true where it is to be seen; :meth:`mask` is that in the whole picture.
        legible: whether a person (text) or zxing-cpp (codes) reads it in this picture.
        text: what it says.
        format: a code's symbology, as zxing-cpp calls it.
        height: of a capital as it stands in the picture, pixels; 0 for what is not text.
        whole: the whole of a wristband, which is to be covered whole.
    """

    kind: Kind
    polygon: Polygon
    corner: tuple[int, int]
    bitmap: NDArray[np.bool_] = field(repr=False)
    legible: bool
    text: str
    format: str = ""
    height: float = 0.0
    whole: bool = False

    def __post_init__(self) -> None:
        if len(self.polygon) < 3 or not self.bitmap.any():
            raise ValueError("a mark has at least three corners and something of it is to be seen")

    def mask(self, height: int, width: int) -> NDArray[np.bool_]:
        """height×width bool, true where it is to be seen."""
        whole = np.zeros((height, width), np.bool_)
        x, y = self.corner
        whole[y : y + self.bitmap.shape[0], x : x + self.bitmap.shape[1]] = self.bitmap
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A picture of a set.

    Attributes:
        name: of its files, without an ending; says the set and the place in it and nothing else.
        jpeg: the picture as a file.
        marks: every identifier in it, of all four kinds.
        wound_mask: H×W bool, true where wound is to be seen.
        skin_tone: 1 to 10 of the Monk scale, or None where there is no skin.
        about: in a few words, what the picture shows.
    """

    name: str
    jpeg: bytes = field(repr=False)
    marks: tuple[Mark, ...]
    wound_mask: NDArray[np.bool_] = field(repr=False)
    skin_tone: int | None
    about: str

    @property
    def pixels(self) -> Pixels:
        """H×W×3 uint8 RGB, as whoever opens the file sees them."""
        return decoded(self.jpeg)


def decoded(jpeg: bytes) -> Pixels:
    """The pixels of a JPEG, H×W×3 uint8 RGB."""
    read = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if read is None:
        raise ValueError("these bytes are not a JPEG")
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)
