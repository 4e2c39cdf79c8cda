"""The wound guard: an estimate of where wounds are, so that whatever covers one becomes a question (promise 7).

The estimate need not be exact, and nobody is shown it: it only decides whether a person is asked before a region that
lies on a wound counts as settled. It never uncovers anything.

One pass of our own network says where wounds are and where tattoos and printed things are, so the guard answers both;
and where skin is bare, on which letters are rare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.bare_skin import BareSkin, bare_skin
from inference.covering import coverage
from inference.detectors.skin import SkinDetector
from inference.detectors.skinmap import SkinMaps
from inference.errors import DetectionFailed
from inference.geometry import scaled_size
from inference.picture import Kind, Pixels, Polygon, Region
from inference.printed_things import printed_things

SURE: Final = 0.7
"""How sure the network must be of a wound: below, it takes lips for wounds (docs/models/wardlens-skin.md)."""
SMALLEST: Final = 12
"""Pixels of the map: what is smaller is a speck."""
TOLERATED: Final = 0.02
"""Share of one wound that may lie under a region without a question: the edge of a label that touches it."""

_GRID: Final = 512


@dataclass(frozen=True, slots=True)
class Guarded:
    """What one pass over a picture saw: identifiers, with the margins that cover them whole, and wounds, about.

    `bare` is where skin is bare, or None where nobody can say; `things` are outlines of what may be printed.
    """

    regions: list[Region]
    wounds: list[Polygon]
    bare: BareSkin | None = None
    things: Sequence[Polygon] = ()


class Guard(Protocol):
    """Pixels in, regions and wounds out."""

    @property
    def name(self) -> str:
        """What it is called in timings and in an error's sentence."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """What it looks for beside wounds."""

    @property
    def models(self) -> Mapping[str, str]:
        """Manifest name → SHA-256 of each model it uses."""

    def prepare(self) -> None:
        """Does once what the first picture should not wait for."""

    def guarded(self, image: Pixels) -> Guarded:
        """What is in this upright H×W×3 uint8 RGB picture. Whatever it raises means that nobody looked."""


class WoundGuard:
    """Estimates wounds by our own network, in the pass in which it looks for tattoos and printed things."""

    def __init__(self, skin: SkinDetector) -> None:
        self.name = skin.name
        self.kinds = skin.kinds
        self.models = skin.models
        self._skin = skin

    def prepare(self) -> None:
        """Warms the network on pictures lying and upright."""
        self._skin.prepare()

    def guarded(self, image: Pixels) -> Guarded:
        """The tattoos, the printed things, the outline of each wound, where skin is bare and what may be printed.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no map of probabilities.
        """
        seen = self._skin.survey(image)
        return Guarded(seen.regions, outlines(seen.maps), bare_skin(seen.maps), printed_things(seen.finest))


class Watch:
    """The guard's look at one picture, as a detector whose answer also says where the wounds are.

    Attributes:
        wounds: none before it has looked.
        bare: where skin is bare; None before it has looked.
        things: what may be printed; none before it has looked.
    """

    def __init__(self, guard: Guard) -> None:
        self.name = guard.name
        self.kinds = guard.kinds
        self.models = guard.models
        self.wounds: Sequence[Polygon] = ()
        self.bare: BareSkin | None = None
        self.things: Sequence[Polygon] = ()
        self._guard = guard

    def detect(self, image: Pixels) -> list[Region]:
        """What the guard sees beside wounds; raises what it raises."""
        seen = self._guard.guarded(image)
        self.wounds = guarded_wounds(seen.wounds)
        self.bare = seen.bare
        self.things = seen.things
        return seen.regions


def outlines(maps: SkinMaps) -> list[Polygon]:
    """The outline of each wound on the maps, in pixels of the picture. Pure."""
    contours, _ = cv2.findContours((maps.wound >= SURE).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [
        tuple((float(x + 0.5) / maps.scale, float(y + 0.5) / maps.scale) for x, y in contour[:, 0, :])
        for contour in contours
        if len(contour) > 2 and cv2.contourArea(contour) >= SMALLEST
    ]


def guarded_wounds(answer: object) -> list[Polygon]:
    """A guard's answer, which is a list of outlines.

    Raises:
        DetectionFailed: it is anything else.
    """
    if isinstance(answer, list) and all(_is_outline(one) for one in answer):
        return answer
    raise DetectionFailed("The detector wound answered with something that is no outline. Call IT.")


def _is_outline(one: object) -> bool:
    if not isinstance(one, tuple) or len(one) < 3 or any(not isinstance(corner, tuple) for corner in one):
        return False
    return all(len(corner) == 2 and all(math.isfinite(value) for value in corner) for corner in one)


def on_a_wound(regions: Sequence[Region], wounds: Sequence[Polygon], width: int, height: int) -> frozenset[Kind]:
    """The kinds whose regions cover more of a wound than is tolerated. Pure.

    `width` and `height` are the picture's; it is looked at on a grid of at most 512 pixels a side.
    """
    if not wounds or not regions:
        return frozenset()
    scale = min(1.0, _GRID / max(width, height))
    size = scaled_size(width, height, scale)
    masks = {kind: _drawn([r.polygon for r in regions if r.kind is kind], scale, size) for kind in Kind}
    asked: set[Kind] = set()
    for wound in wounds:
        under = _drawn([wound], scale, size)
        asked |= {kind for kind, mask in masks.items() if under.any() and mask[under].mean() > TOLERATED}
    return frozenset(asked)


def _drawn(polygons: Sequence[Polygon], scale: float, size: tuple[int, int]) -> NDArray[np.bool_]:
    """H×W of the grid, true inside any of the polygons."""
    return coverage(size[0], size[1], [tuple((x * scale, y * scale) for x, y in polygon) for polygon in polygons])
