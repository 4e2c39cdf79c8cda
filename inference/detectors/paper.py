"""The paper around what is written on it: a wristband names somebody as a whole, not only by its letters. Pure.

The ground that a line of text or a code stands on is followed for as long as it changes little from pixel to pixel, and
is taken for paper if it ends: one compact piece, not too large, that lies in the picture rather than running out of it.
Skin, cloth and walls with letters on them run on and are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import shrunk
from inference.picture import Pixels, Polygon, Region

SIDE: Final = 480
"""Pixels of the long side at which paper is followed."""
LARGEST: Final = 0.08
"""Of the frame: what is larger is a wall, a sheet or a limb."""
GROUND: Final = 0.002
"""Of the frame: an even piece of so much is a ground of its own, a smaller one lies between letters."""
SMALLEST: Final = 0.0015
"""Of the frame: what is smaller is a letter or a piece of a code."""
COMPACT: Final = 0.8
"""Of its convex outline that a paper fills at least."""
CUT: Final = 0.1
"""Of its outline that may run along the frame's edge."""
HELD: Final = 0.7
"""Of the line or the code that must lie inside."""
WRITTEN: Final = 0.1
"""Of a paper that its lines and codes take at least: a limb with a word on it is none."""
STEPS: Final = (9, 6, 4)
"""How much a neighbour's brightness may differ, of 255, most first: shaded paper goes on, an edge ends it."""
THIN: Final = 5
"""Pixels: what is thinner is an edge that leads away from the paper."""
MARGIN: Final = 1.0
"""Pixels at that side by which the outline is grown: what is cut off of a paper are its corners."""

_Mask = NDArray[np.uint8]


class _Seed(NamedTuple):
    """A line or a code at that side: the window that it takes, and its pixels in there."""

    window: tuple[slice, slice]
    mask: NDArray[np.bool_]


class _Paper(NamedTuple):
    """What may be a paper: its convex outline, N×2, its inside, and how many pixels that has."""

    outline: NDArray[np.float64]
    inside: NDArray[np.bool_]
    area: int


def papers_around(image: Pixels, written: Iterable[Region]) -> list[Region]:
    """The paper that some of these lines or codes stand on, once each: as sure as the surest that stands on it."""
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(3, round(width * scale)), max(3, round(height * scale))
    ink = np.zeros((size[1], size[0]), np.uint8)
    surest = sorted(written, key=lambda region: -region.score)
    seeds = [(region, seed) for region in surest if (seed := _seed(np.asarray(region.polygon) * scale, ink))]
    grounds = _grounds(image, ink) if seeds else []
    found: list[tuple[Region, _Paper]] = []
    for region, seed in seeds:
        if any(_held(seed, paper) for _, paper in found):
            continue
        under = [paper for ground in grounds for paper in ground.papers_under(seed) if _held(seed, paper)]
        if under:
            found.append((region, max(under, key=lambda paper: paper.area)))
    return [replace(region, polygon=_polygon(paper.outline / scale)) for region, paper in found]


class _Grounds:
    """The pieces of a picture in which brightness and colour change little from pixel to pixel."""

    def __init__(self, change: NDArray[np.int16], step: int, ink: _Mask) -> None:
        even = (change <= step).astype(np.uint8)
        _, numbers, boxes, _ = cv2.connectedComponentsWithStats(even, connectivity=4)
        large = np.flatnonzero(boxes[:, cv2.CC_STAT_AREA] >= GROUND * change.size)
        ranks = np.zeros(len(boxes), np.uint16)
        ranks[large[large > 0]] = np.arange(1, np.count_nonzero(large > 0) + 1, dtype=np.uint16)
        self._ranks = ranks[numbers]
        """The number of the large piece that each pixel is in; 0 where it is in none."""
        self._ink = ink
        self._things: dict[int, list[_Paper]] = {}

    def papers_under(self, seed: _Seed) -> Iterator[_Paper]:
        """What the ground under a line may be: a piece that goes on, or what is left where all others end."""
        under = np.bincount(self._ranks[seed.window][seed.mask])
        under[0] = 0
        for own in {int(under.argmax()), 0}:
            if own not in self._things:
                thing = self._ranks == 0
                if own:
                    thing |= self._ranks == own
                self._things[own] = list(_compact(thing, self._ink))
            yield from self._things[own]


def _grounds(image: Pixels, ink: _Mask) -> list[_Grounds]:
    small = shrunk(image, (ink.shape[1], ink.shape[0]))
    lab = cv2.medianBlur(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.uint8), 3).astype(np.int16)
    change = _change(lab)
    return [_Grounds(change, step, ink) for step in STEPS]


def _change(lab: NDArray[np.int16]) -> NDArray[np.int16]:
    """How much each pixel differs from the next one across or down; in colour twice as much counts."""
    change = np.zeros(lab.shape[:2], np.int16)
    for channel, weight in enumerate((1, 2, 2)):
        plane = lab[..., channel] * np.int16(weight)
        change[:, :-1] = np.maximum(change[:, :-1], np.abs(plane[:, 1:] - plane[:, :-1]))
        change[:-1] = np.maximum(change[:-1], np.abs(plane[1:] - plane[:-1]))
    return change


def _compact(thing: NDArray[np.bool_], ink: _Mask) -> Iterator[_Paper]:
    """Each part that is one compact thing, ends in the picture and is written on."""
    opened = cv2.morphologyEx(thing.astype(np.uint8), cv2.MORPH_OPEN, np.ones((THIN, THIN), np.uint8))
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        filled = cv2.contourArea(contour)
        if not SMALLEST * thing.size < filled <= LARGEST * thing.size:
            continue
        hull = cv2.convexHull(contour)
        whole = cv2.contourArea(hull)
        if whole > LARGEST * thing.size or filled < COMPACT * whole:
            continue
        if _along_the_frame(np.asarray(contour, np.int32), thing.shape) > CUT:
            continue
        outline = _spread(hull[:, 0, :].astype(np.float64) + 0.5, MARGIN)
        inside = np.zeros(thing.shape, np.uint8)
        _draw(inside, outline)
        area = cv2.countNonZero(inside)
        if cv2.countNonZero(inside & ink) >= WRITTEN * area:
            yield _Paper(outline, inside > 0, area)


def _along_the_frame(contour: NDArray[np.int32], shape: tuple[int, ...]) -> float:
    x, y = contour[:, 0].T
    return float(((x <= 0) | (y <= 0) | (x >= shape[1] - 1) | (y >= shape[0] - 1)).mean())


def _spread(points: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    corners = (points[:, None] + np.array([[-by, -by], [by, -by], [by, by], [-by, by]])).reshape(-1, 2)
    return np.asarray(cv2.convexHull(corners.astype(np.float32))[:, 0, :], np.float64)


def _seed(points: NDArray[np.float64], ink: _Mask) -> _Seed | None:
    """The seed inside these corners, drawn into `ink` as well; None where it lies outside the picture."""
    height, width = ink.shape
    left, top = (int(v) for v in np.clip(np.floor(points.min(axis=0)), 0, (width, height)))
    right, bottom = (int(v) for v in np.clip(np.ceil(points.max(axis=0)), 0, (width, height)))
    mask = np.zeros((max(0, bottom - top), max(0, right - left)), np.uint8)
    if not mask.size:
        return None
    _draw(mask, points - (left, top))
    window = slice(top, bottom), slice(left, right)
    ink[window] |= mask
    return _Seed(window, mask > 0) if mask.any() else None


def _draw(mask: _Mask, points: NDArray[np.float64]) -> None:
    cv2.fillPoly(mask, [np.round(points - 0.5).astype(np.int32)], (1,))


def _held(seed: _Seed, paper: _Paper) -> bool:
    return bool(paper.inside[seed.window][seed.mask].mean() >= HELD)


def _polygon(points: NDArray[np.float64]) -> Polygon:
    return tuple((float(x), float(y)) for x, y in points)
