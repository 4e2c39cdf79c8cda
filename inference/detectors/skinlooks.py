"""Our own network's looks at a picture: on several canvases, and on each of them a second time in another way.

What is seen both ways is surer. The second way is a mirror; in the dark it is the picture with its contrast evened out,
because ink on dark skin, or on any skin in a dark room, is a little darker than what is dark already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np

from inference.canvas import Canvas, fit
from inference.detectors.skinmap import SkinMaps, decode
from inference.geometry import scaled_size
from inference.models import LoadedModel
from inference.picture import Pixels

DARK: Final = 70.0
"""Below it, of 255, skin is looked at as in the dark: the middle of what its pixels are, of red, green and blue."""
_SKIN: Final = 0.5
_FEWEST: Final = 30
_CLIP: Final = 3.0
_TILES: Final = (6, 6)


class _Placed(NamedTuple):
    """A picture of width×height on a canvas's top left corner."""

    pixels: Pixels
    scale: float
    width: int
    height: int

    @property
    def taken(self) -> tuple[slice, slice]:
        """Rows and columns of the canvas that the picture took."""
        columns, rows = scaled_size(self.width, self.height, self.scale)
        return slice(rows), slice(columns)


def surveyed(model: LoadedModel, image: Pixels, canvases: Sequence[Canvas], *, twice: bool = False) -> list[SkinMaps]:
    """The maps of an upright picture, seen once or twice on each canvas in turn, lying or upright as the picture is.

    Raises:
        ModelMisbehaves: the model failed.
        ValueError: the model answered with something that is no four maps of probabilities.
    """
    placed = [_placed(image, canvas) for canvas in canvases]
    once = [_seen(model, one) for one in placed]
    if not twice:
        return once
    again = _evened if is_dark(min(once, key=lambda maps: maps.scale)) else _in_a_mirror
    return [view for maps, one in zip(once, placed, strict=True) for view in (maps, again(model, one))]


def is_dark(maps: SkinMaps) -> bool:
    """Whether the skin looks dark, or all of the picture where next to no skin is seen. Pure."""
    skin, bright = maps.skin >= _SKIN, maps.seen.mean(axis=2)
    return float(np.median(bright[skin] if np.count_nonzero(skin) >= _FEWEST else bright)) < DARK


def _placed(image: Pixels, canvas: Canvas) -> _Placed:
    height, width = image.shape[:2]
    pixels, scale = fit(image, canvas.for_picture(width, height))
    return _Placed(pixels, scale, width, height)


def _seen(model: LoadedModel, placed: _Placed) -> SkinMaps:
    (output,) = model.run(np.asarray(cv2.dnn.blobFromImage(placed.pixels), dtype=np.float32))
    return decode(output, placed.pixels, scale=placed.scale, width=placed.width, height=placed.height)


def _in_a_mirror(model: LoadedModel, placed: _Placed) -> SkinMaps:
    """The maps of the picture as a mirror shows it, turned back."""
    turned, taken = placed.pixels.copy(), placed.taken
    turned[taken] = placed.pixels[taken][:, ::-1]
    maps = _seen(model, placed._replace(pixels=turned))
    tattoo, wound, skin, printed = (each[:, ::-1] for each in (maps.tattoo, maps.wound, maps.skin, maps.printed))
    return SkinMaps(tattoo, wound, skin, printed, np.ascontiguousarray(maps.seen[:, ::-1]), maps.scale)


def _evened(model: LoadedModel, placed: _Placed) -> SkinMaps:
    """The maps of the picture with its lightness stretched, place by place, and no more than :data:`_CLIP` times.

    Zuiderveld, "Contrast limited adaptive histogram equalization" (1994).
    """
    lit, taken = placed.pixels.copy(), placed.taken
    lab = cv2.cvtColor(lit[taken], cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(_CLIP, _TILES).apply(np.ascontiguousarray(lab[..., 0]))
    lit[taken] = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return _seen(model, placed._replace(pixels=lit))
