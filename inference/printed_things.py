"""The whole of a printed thing, from one line or code that was read on it: a second way beside the ground of paper.

A wristband in shadow, creased or blurred has no even ground to follow, but our own network sees that something printed
is there. It is not sure enough to be believed alone; with a line that was read on it, it is. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from inference.covering import coverage
from inference.detectors.paper import HELD, LARGEST, WRITTEN
from inference.detectors.pieces import Grain, pieces
from inference.detectors.skinmap import MODEL, SkinMaps
from inference.geometry import area, scaled_size
from inference.picture import Kind, Polygon, Region

GRAIN: Final = Grain(core=0.5, faint=0.5, gap=0.0, reach=0, margin=0.05)
SURE: Final = 0.9
"""How sure the network is of a thing's core, or more."""
COMPACT: Final = 0.6
"""Of a thing's outline, with its margin, in which print is seen: less is several things, or a net of lines."""

_GRID: Final = 512
_READ: Final = frozenset({Kind.TEXT, Kind.CODE})


def printed_things(maps: SkinMaps) -> list[Polygon]:
    """The outlines of what looks printed on the maps of one canvas, in pixels of the picture."""
    return [
        piece.outline
        for piece in pieces(maps.printed, maps.scale, GRAIN)
        if piece.score >= SURE and np.count_nonzero(piece.inside) >= COMPACT * area(piece.outline) * maps.scale**2
    ]


def lettered_things(
    regions: Sequence[Region], things: Sequence[Polygon], width: int, height: int
) -> tuple[Region, ...]:
    """The things on which a line or a code was read, each as sure as the surest on it.

    As for paper: not too large a part of a picture of width×height, and written on to a part. It is looked at on a grid
    of at most 512 pixels a side.
    """
    read = sorted((one for one in regions if one.kind in _READ and one.model != MODEL), key=lambda one: -one.score)
    if not read or not things:
        return ()
    scale = min(1.0, _GRID / max(width, height))
    wide, high = scaled_size(width, height, scale)

    def drawn(polygon: Polygon) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return coverage(wide, high, [tuple((x * scale, y * scale) for x, y in polygon)])

    masks = [(one, mask) for one in read if (mask := drawn(one.polygon)).any()]
    found: list[Region] = []
    for thing in things:
        inside = drawn(thing)
        on = [(one, mask) for one, mask in masks if inside[mask].mean() >= HELD]
        if on and inside.mean() <= LARGEST:
            written = np.logical_or.reduce([mask for _, mask in on])[inside].mean()
            if written >= WRITTEN:
                found.append(replace(on[0][0], polygon=thing))
    return tuple(found)
