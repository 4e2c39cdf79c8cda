"""Our own network's four maps of a picture: how sure it is of tattoo, wound, skin and print. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.models import Tensor
from inference.picture import Pixels

MODEL: Final = "wardlens-skin"
STRIDE: Final = 4
"""Canvas pixels for one of the maps."""

Map = NDArray[np.float32]
"""h×w float32, 0..1."""

SKIN: Final = 0.85
"""From here on the network sees skin for sure; a tattoo counts in full there."""
FADES: Final = 0.2
"""How much less sure of skin it may be until a tattoo counts :data:`LEAST`: under some inks it sees less of it."""
LEAST: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class SkinMaps:
    """What the network says of a picture.

    Attributes:
        tattoo, wound, skin, printed: h×w float32, 0..1, of the part of the canvas that the picture took.
        seen: that part of the canvas at the maps' size, h×w×3 uint8 RGB.
        scale: pixels of a map for each of the picture.
    """

    tattoo: Map
    wound: Map
    skin: Map
    printed: Map
    seen: Pixels
    scale: float


def joined(views: Sequence[SkinMaps]) -> SkinMaps:
    """Maps of one picture as one, at the first one's size: the mean of each, and of wounds the most. Pure.

    Of tattoos and skin the coarsest views, which see the most of a thing at once, count as much as all others.
    """
    first, *others = views
    if not others:
        return first
    high, wide = first.tattoo.shape

    def all_of(of: Callable[[SkinMaps], Map]) -> NDArray[np.float32]:
        same = [cv2.resize(of(one), (wide, high), interpolation=cv2.INTER_AREA) for one in others]
        return np.asarray([of(first), *same], np.float32)

    least = min(view.scale for view in views)
    coarsest = [view.scale == least for view in views]
    each = max(1, coarsest.count(False)) / coarsest.count(True)
    weights = [each if coarse else 1 for coarse in coarsest]
    return replace(
        first,
        tattoo=np.average(all_of(lambda one: one.tattoo), axis=0, weights=weights).astype(np.float32),
        wound=all_of(lambda one: one.wound).max(axis=0),
        skin=np.average(all_of(lambda one: one.skin), axis=0, weights=weights).astype(np.float32),
        printed=all_of(lambda one: one.printed).mean(axis=0),
    )


def on_skin(maps: SkinMaps) -> SkinMaps:
    """The maps with tattoos less sure where the network sees no skin: it sees it through ink, not in cloth. Pure."""
    counts = np.clip(1 - (SKIN - maps.skin) / FADES, LEAST, 1)
    return replace(maps, tattoo=np.asarray(maps.tattoo * counts, np.float32))


def decode(output: Tensor, placed: Pixels, *, scale: float, width: int, height: int) -> SkinMaps:
    """The maps of a picture of width×height that was placed on the canvas's top left corner at that scale. Pure.

    Raises:
        ValueError: not a 1×4×h×w tensor of probabilities at a quarter of the canvas.
    """
    if output.ndim != 4 or output.shape[:2] != (1, 4):
        raise ValueError(f"the skin model answers 1×4×h×w, got {output.shape}")
    maps = output[0]
    if not np.isfinite(maps).all() or maps.min() < -0.01 or maps.max() > 1.01:
        raise ValueError("the skin model answers with probabilities")
    if tuple(side * STRIDE for side in maps.shape[1:]) != placed.shape[:2]:
        raise ValueError(f"the skin model answers a quarter of {placed.shape[:2]}, got {maps.shape[1:]}")
    rows = min(maps.shape[1], max(1, round(height * scale / STRIDE)))
    columns = min(maps.shape[2], max(1, round(width * scale / STRIDE)))
    tattoo, wound, skin, printed = maps[:, :rows, :columns]
    part = placed[: rows * STRIDE, : columns * STRIDE]
    seen = np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    return SkinMaps(tattoo, wound, skin, printed, seen, scale / STRIDE)
