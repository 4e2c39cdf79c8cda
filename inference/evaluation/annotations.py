"""An annotated picture: pixels, and the truth about what identifies somebody in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.picture import Kind, Pixels, Polygon, frozen_pixels

Bits = NDArray[np.bool_]
"""H×W bool."""

MONK_TONES: Final = range(1, 11)


class Tone(StrEnum):
    """A bin of skin tones: 1 to 3, 4 to 6 and 7 to 10 of the Monk scale where it is annotated."""

    LIGHT = "light"
    MEDIUM = "medium"
    DARK = "dark"


class ToneSource(StrEnum):
    """How a picture got its bin."""

    ANNOTATED = "annotated"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """An identifier that is there.

    Attributes:
        kind: what it is.
        polygon: its outline in pixels; a quadrilateral of text begins at the reader's top left and goes clockwise.
        legible: whether its annotators could read it; only asked of text.
        mask: H×W bool, its exact pixels, where they are known; then they are measured in place of the polygon.
    """

    kind: Kind
    polygon: Polygon
    legible: bool = True
    mask: Bits | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if len(self.polygon) < 3 or not np.isfinite(self.polygon).all():
            raise ValueError("a truth's outline has at least three corners, and they are finite numbers")
        if self.mask is not None and not self.mask.any():
            raise ValueError("a truth's mask shows at least one pixel")


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedPicture:
    """A picture and the truth about it.

    Attributes:
        name: what the report calls it.
        pixels: H×W×3 uint8 RGB, upright, read-only.
        truths: every identifier of the kinds in `kinds`, and maybe others.
        kinds: those that the truths are complete for; covering anything else of these kinds is a false alarm.
        wound: H×W bool, true where the wound is; None where nobody drew it.
        monk: skin tone, 1 to 10 of the Monk scale; None where nobody said.
    """

    name: str
    pixels: Pixels = field(repr=False)
    truths: tuple[Truth, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    wound: Bits | None = field(default=None, repr=False)
    monk: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", frozen_pixels(self.pixels))
        masks = [self.wound, *(truth.mask for truth in self.truths)]
        if any(mask is not None and mask.shape != (self.height, self.width) for mask in masks):
            raise ValueError("every mask of a picture has the picture's size")
        if self.monk is not None and self.monk not in MONK_TONES:
            raise ValueError("the Monk scale has the tones 1 to 10")

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.pixels.shape[0])


class Dataset(Protocol):
    """Annotated pictures, one at a time: a folder, or scenes as they are drawn."""

    @property
    def name(self) -> str:
        """What the report calls it."""

    def __len__(self) -> int:
        """How many pictures."""

    def __iter__(self) -> Iterator[AnnotatedPicture]:
        """Each picture in turn, the same ones each time."""
