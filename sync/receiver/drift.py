"""Whether one device's de-identification does otherwise than its fleet's. Pure: sums over pictures in, a verdict out.

A lens that is dirty, a model that misses, a ward that is lit otherwise: nothing in a single picture says so, and a
month of them does. Compared with the pictures of all other devices; wards differ, so only what is large stands out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final

from sync.receiver.archive import Figures

FEWEST_PICTURES: Final = 20
"""Of the device and of the others; with fewer nothing stands out."""
STANDARD_ERRORS: Final = 4.0
"""How far apart two figures are at least where one stands out: by chance alone about one in 16,000."""
TIMES: Final = 1.5
"""And how many times as large one is at least: in thousands of pictures small differences are beyond chance, too."""


class Measure(StrEnum):
    """What is compared: three shares of pictures, and a mean."""

    UNCOVERED = "uncovered"
    ADDED = "added"
    UNSURE = "unsure"
    REGIONS = "regions"


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of a device beside its fleet's.

    Attributes:
        own: a share (0 to 1), or regions per picture.
        fleet: the same of all other devices; None where they have no picture.
        stands_out: whether it is another by more than chance, and by much.
    """

    measure: Measure
    own: float
    fleet: float | None
    stands_out: bool


def compared(own: Figures, others: Figures) -> tuple[Compared, ...]:
    """Each figure of a device with pictures beside that of all others; nothing where it has none."""
    if not own.pictures:
        return ()
    return tuple(_one(measure, own, others) for measure in Measure)


def _one(measure: Measure, own: Figures, others: Figures) -> Compared:
    mine = _mean(measure, own)
    if not others.pictures:
        return Compared(measure, mine, None, stands_out=False)
    theirs = _mean(measure, others)
    enough = min(own.pictures, others.pictures) >= FEWEST_PICTURES
    far = abs(mine - theirs) > STANDARD_ERRORS * _standard_error(measure, own, others)
    large = max(mine, theirs) >= TIMES * min(mine, theirs)
    return Compared(measure, mine, theirs, stands_out=enough and far and large)


def _mean(measure: Measure, figures: Figures) -> float:
    return float(getattr(figures, measure.value)) / figures.pictures


def _standard_error(measure: Measure, own: Figures, others: Figures) -> float:
    """Of the difference: of two shares under one common share, of two means under a spread of each one's own."""
    if measure is Measure.REGIONS:
        return sqrt(sum(_variance(one) / one.pictures for one in (own, others)))
    both = own + others
    share = _mean(measure, both)
    return sqrt(share * (1 - share) * (1 / own.pictures + 1 / others.pictures))


def _variance(figures: Figures) -> float:
    mean = figures.regions / figures.pictures
    return max(0.0, figures.regions_squared / figures.pictures - mean**2)
