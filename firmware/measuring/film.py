"""A short film with a face whose place is known in every frame: a portrait that moves over a drawn ward. Pure.

The portrait is the public-domain one of `wardlens models fetch --with-samples`. It comes nearer, goes away, wanders and
leans a little, as a face before a hand-held camera does; the same seed gives the same pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference import Pixels, Polygon
from inference.scenes import Prop, SceneSpec, draw_scene

SIZE: Final = (640, 480)
FRAMES: Final = 150
SEED: Final = 2026
PORTRAIT_SIDE: Final = 512
FACE: Final = (178.0, 64.0, 274.0, 183.0)
"""The face in the portrait, by eye: left, top, right, bottom; from the hairline to the chin."""
HEAD: Final = (86, 0, 366, 300)
"""What of the portrait is in the film: head and shoulders, without the writing on the chest."""
FACE_HEIGHTS: Final = (40.0, 150.0)
"""Pixels of the film."""
_LEAN_DEGREES: Final = 14.0
_FROM_EDGE: Final = 112.0
"""More than half of the largest face's diagonal, so that the whole face is in every frame."""
_TEMPI: Final = np.array([1.0, 2.0, 1.5, 3.0])
"""How often in the film it goes across, down, nearer, and leans."""
_GRAIN: Final = 3.0
_GRAIN_MOVES: Final = 64
_SHIFT: Final = 4

Affine = NDArray[np.float64]
"""2×3 float64: a point (x, y, 1) of the portrait times this is the point in the film."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """Frames and the truth about them.

    Attributes:
        frames: N×480×640×3 uint8 RGB.
        faces: for each frame the four corners of the face, all in the picture.
    """

    frames: NDArray[np.uint8] = field(repr=False)
    faces: tuple[Polygon, ...]

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.faces) or not self.faces:
            raise ValueError("a film has one face for each frame, and a frame")


def draw_film(portrait: Pixels, count: int = FRAMES, seed: int = SEED) -> Film:
    """The first `count` frames of the film with the 512×512 portrait in it.

    Raises:
        ValueError: a portrait of another size; its face would be elsewhere.
    """
    if portrait.shape != (PORTRAIT_SIDE, PORTRAIT_SIDE, 3):
        raise ValueError("the portrait is 512×512 pixels; only there is the place of its face known")
    ward = draw_scene(SceneSpec(seed, props=(Prop.WRISTBAND, Prop.LABEL, Prop.RULER)), SIZE).pixels
    chance = np.random.default_rng((seed, 1))
    grain = chance.normal(0, _GRAIN, (SIZE[1] + _GRAIN_MOVES, SIZE[0] + _GRAIN_MOVES, 3)).astype(np.float32)
    frames = np.empty((count, SIZE[1], SIZE[0], 3), np.uint8)
    for number, way in enumerate(_ways(count, seed)):
        down, across = chance.integers(0, _GRAIN_MOVES, 2)
        seen = _pasted(ward, portrait, way) + grain[down : down + SIZE[1], across : across + SIZE[0]]
        frames[number] = np.clip(seen, 0, 255).astype(np.uint8)
    return Film(frames, face_places(count, seed))


def face_places(count: int = FRAMES, seed: int = SEED) -> tuple[Polygon, ...]:
    """The corners of the face in each of the first `count` frames."""
    return tuple(_moved(FACE, way) for way in _ways(count, seed))


def share_covered(face: Polygon, shapes: Sequence[Polygon]) -> float:
    """How much of the face's area the shapes cover together: 0 to 1, counted in pixels of the film."""
    inside, covered = (np.zeros((SIZE[1], SIZE[0]), np.uint8) for _ in range(2))
    _fill(inside, face)
    for shape in shapes:
        _fill(covered, shape)
    return float(covered[inside > 0].mean()) if inside.any() else 0.0


def _fill(mask: NDArray[np.uint8], shape: Polygon) -> None:
    corners = np.round(np.asarray(shape) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [corners], (1,), shift=_SHIFT)


def _ways(count: int, seed: int) -> Iterator[Affine]:
    """From the portrait into each frame."""
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 4)
    return (_way(2 * np.pi * _TEMPI * number / FRAMES + phases) for number in range(count))


def _way(swings: NDArray[np.float64]) -> Affine:
    """For four angles: of the way across, the way down, how near, and how far it leans."""
    across, down, nearer, lean = np.sin(swings)
    left, top, right, bottom = FACE
    height = np.interp(nearer, (-1, 1), FACE_HEIGHTS)
    middle = [
        np.interp(at, (-1, 1), (_FROM_EDGE, side - _FROM_EDGE)) for at, side in zip((across, down), SIZE, strict=True)
    ]
    face_middle = ((left + right) / 2, (top + bottom) / 2)
    way = cv2.getRotationMatrix2D(face_middle, _LEAN_DEGREES * float(lean), float(height / (bottom - top)))
    way[:, 2] += np.subtract(middle, face_middle)
    return np.asarray(way, np.float64)


def _pasted(ward: Pixels, portrait: Pixels, way: Affine) -> NDArray[np.float32]:
    """The ward with head and shoulders before it, H×W×3 from 0 to 255."""
    left, top, right, bottom = HEAD
    mask = np.zeros(portrait.shape[:2], np.float32)
    mask[top:bottom, left:right] = 1
    there = np.asarray(cv2.warpAffine(mask, way, SIZE, flags=cv2.INTER_LINEAR), np.float32)[..., None]
    head = cv2.warpAffine(portrait, way, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return ward * (1 - there) + np.asarray(head, np.float32) * there


def _moved(box: tuple[float, float, float, float], way: Affine) -> Polygon:
    left, top, right, bottom = box
    corners = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]]) @ way.T
    return tuple((float(x), float(y)) for x, y in corners)
