"""Where skin is bare: no print on it, wounds or not. Pure.

Letters stand on paper, on screens, on cloth; on skin only a marker, a needle or a camera's date stamp puts them. So a
line that the reader is not sure of, and that stands on bare skin, is likelier a wound, a suture or a hair, and is read
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.covering import coverage
from inference.detectors.skinmap import SkinMaps
from inference.picture import Kind, Polygon, Region

SKIN: Final = 0.5
"""How sure our network is of skin or of a wound in it, or more."""
PRINT: Final = 0.1
"""How sure it is of print there, or less."""
MOST_OF_IT: Final = 0.6
"""Of a line's pixels that lie on bare skin."""
SURE_LINE: Final = 0.7
"""From here on the reader is believed."""
SURE_ON_SKIN: Final = 0.9
"""The same on bare skin."""
MOST: Final = 8
"""Lines of one picture that are read again, the likeliest first; the others are believed."""


@dataclass(frozen=True, slots=True, eq=False)
class BareSkin:
    """Where it is: h×w bool, and how many of its pixels one of the picture takes."""

    mask: NDArray[np.bool_]
    scale: float

    def holds(self, polygon: Polygon) -> bool:
        """Whether what is in the polygon, in pixels of the picture, stands on it."""
        high, wide = self.mask.shape
        inside = coverage(wide, high, [tuple((x * self.scale, y * self.scale) for x, y in polygon)])
        return bool(inside.any() and self.mask[inside].mean() >= MOST_OF_IT)


def bare_skin(maps: SkinMaps) -> BareSkin:
    """What our network's maps say of it."""
    return BareSkin((np.maximum(maps.skin, maps.wound) >= SKIN) & (maps.printed <= PRINT), maps.scale)


def doubtful_lines(regions: Sequence[Region], bare: BareSkin | None) -> frozenset[Region]:
    """At most eight lines that stand on bare skin and that the reader is not sure of for being there."""
    unsure = sorted(unsure_lines(regions, SURE_ON_SKIN), key=lambda line: -line.score)
    return frozenset([line for line in unsure if bare is not None and bare.holds(line.polygon)][:MOST])


def unsure_lines(regions: Sequence[Region], sure: float = SURE_LINE) -> frozenset[Region]:
    """The lines that the reader is not so sure of."""
    return frozenset(region for region in regions if region.kind is Kind.TEXT and region.score < sure)
