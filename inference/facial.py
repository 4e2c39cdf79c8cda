"""A wound on a face: what of the face may be seen, and what stays covered whatever is marked. Pure.

A person marks the wound, and the face is uncovered there, but for a band over the eyes and one over the mouth. For that
it must be certain where eyes and mouth are: a face that is turned, cut by the picture's edge or seen in doubt stays
whole. A mark uncovers nothing but a face that a detector found, and no more than a share of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.covering import coverage
from inference.errors import DecisionRefused
from inference.geometry import area, lies_in
from inference.picture import BY_PERSON, Kind, Polygon, Region, Shown

MOST_SHOWN: Final = 0.25
"""Of a face's own area, forehead to chin: what its marks may take together, eyes and mouth counted. Otherwise a mark
around all of it would show all that is neither."""

EYES: Final = (0.6, 0.5, 0.42)
"""How far the band over the eyes reaches beyond them, up (brows) and down (lids), in distances between the eyes."""
MOUTH: Final = (0.4, 0.35, 0.6)
"""The same for the mouth, beyond its corners; below, an open mouth reaches farther than its corners tell."""

SMALLEST: Final = 14.0
"""Pixels between the eyes: in a smaller face a landmark is as uncertain as an eye is large."""
AGREE: Final = 0.2
"""How far a landmark may lie apart in two looks at different sizes, in distances between the eyes."""
LEVEL: Final = 0.35
"""How much the mouth may be turned against the eyes: the sine of the angle."""
TURNED: Final = (0.22, 0.78)
"""Where between the eyes the nose lies. Outside, the face looks away, and one eye may be hidden."""
LONG: Final = (0.65, 1.7)
"""From the eyes to the mouth, in distances between the eyes."""
WIDE: Final = (0.45, 1.5)
"""From one corner of the mouth to the other, in distances between the eyes."""

_UNTOLD: Final = (
    "It cannot be told for certain where the eyes and the mouth are, so the face stays covered. Take the picture again "
    "with the one face straight before the camera, or so near that only the wound is in it."
)
_ALIKE: Final = 3.0
_EDGE: Final = np.ones((3, 3), np.uint8)

Point = tuple[float, float]
Mask = NDArray[np.bool_]
"""H×W."""


@dataclass(frozen=True, slots=True)
class FaceLook:
    """A face as a model saw it once, in pixels of the picture.

    Attributes:
        box: its own corners without any margin, clockwise from the face's own top left.
        score: how sure the model was, 0 to 1.
        landmarks: eye, eye, nose, mouth's corner, mouth's corner; those on the face's own left of the canvas first.
    """

    box: Polygon
    score: float
    landmarks: tuple[Point, Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Face:
    """All regions that cover one face, best score first, and the looks that were taken at it."""

    regions: tuple[Region, ...]
    looks: tuple[FaceLook, ...]


def faces_of(regions: Sequence[Region], look_at: Callable[[Region], Sequence[FaceLook]]) -> tuple[Face, ...]:
    """The faces that a detector found, the surest first, each looked at once: in the region of its that scored best.

    A detector that looks at a picture turned several ways gives a face several regions. One is of the same face if it
    is about as large and all landmarks lie in it; so that a face beside another one is never taken for a part of it.
    """
    left = sorted((region for region in regions if may_show(region)), key=lambda region: -region.score)
    faces: list[Face] = []
    while left:
        best, *others = left
        looks = tuple(look_at(best))
        same = tuple(region for region in others if looks and _is_same(region, best, looks))
        faces.append(Face((best, *same), looks))
        left = [region for region in others if region not in same]
    return tuple(faces)


def may_show(region: Region) -> bool:
    """Whether a mark may uncover a part of it: a face that a detector found. What a person covered stays covered."""
    return region.kind is Kind.FACE and region.model != BY_PERSON


def doubt(face: Face, sure: float, width: int, height: int) -> str:
    """Why nobody can tell for certain where this face's eyes and mouth are; nothing where one can.

    `sure` is the score from which a face is one; `width` and `height` are the picture's.
    """
    looks = face.looks
    if len(looks) < 2 or min(face.regions[0].score, *(look.score for look in looks)) < sure:
        return "it is not seen well enough"
    apart = max(_distance(looks[0]), 1e-6)
    if apart < SMALLEST:
        return "it is too small"
    first = np.array(looks[0].landmarks)
    if any(np.hypot(*(np.array(look.landmarks) - first).T).max() > AGREE * apart for look in looks[1:]):
        return "its eyes and mouth cannot be told for certain"
    for look in looks:
        reason = _turned(look) or _cut(look, width, height)
        if reason:
            return reason
    return ""


def always_covered(face: Face) -> tuple[Polygon, ...]:
    """The bands over the eyes and over the mouth, as every look at the face saw them."""
    return tuple(band for look in face.looks for band in _bands(look))


def show_wound(
    mark: Polygon,
    faces: Sequence[Face],
    regions: Sequence[Region],
    shown: Sequence[Shown],
    *,
    size: tuple[int, int],
    features: bool,
) -> Shown:
    """What a mark uncovers of the one face that it lies on, eyes and mouth too only with `features`.

    `faces` are those of which nobody doubts where eyes and mouth are; `regions` is all that is covered, `shown` what
    was uncovered before, `size` the picture's width and height.

    Raises:
        DecisionRefused: there is no covered face there, or one without such features, or more than one, or it would
            uncover too much.
    """
    new = Shown(mark, ())
    touched = {region for region in regions if may_show(region) and uncovered(*size, [region], [new]).any()}
    if not touched:
        raise DecisionRefused("There is no covered face where you marked. Mark the wound inside the covered face.")
    face = next((face for face in faces if touched <= set(face.regions)), None)
    if face is None:
        raise DecisionRefused(_UNTOLD)
    if not features:
        new = Shown(mark, always_covered(face))
    if not uncovered(*size, regions, [new]).any():
        raise DecisionRefused("Nothing would be seen: eyes, mouth and whatever else was found there stay covered.")
    marked = [Shown(one.polygon, ()) for one in (*shown, new)]
    if uncovered(*size, face.regions, marked).sum() > MOST_SHOWN * area(face.looks[0].box):
        raise DecisionRefused("That is more of the face than a wound may show. Mark the wound alone.")
    return new


def uncovered(width: int, height: int, regions: Sequence[Region], shown: Sequence[Shown]) -> Mask:
    """H×W: true where a mark uncovers a face: inside the mark, and in nothing else that is covered."""
    seen = np.zeros((height, width), dtype=np.bool_)
    for one in shown:
        seen |= _inside(width, height, one.polygon) & ~coverage(width, height, one.kept)
    if shown:
        seen &= ~coverage(width, height, [r.polygon for r in regions if not may_show(r)])
        seen &= coverage(width, height, [r.polygon for r in regions if may_show(r)])
    return seen


def _inside(width: int, height: int, polygon: Polygon) -> Mask:
    """The pixels that lie whole in a polygon: what a fill draws, without its rim."""
    filled = coverage(width, height, [polygon]).astype(np.uint8)
    return cv2.erode(filled, _EDGE, borderType=cv2.BORDER_REPLICATE).astype(np.bool_)


def _is_same(region: Region, best: Region, looks: Sequence[FaceLook]) -> bool:
    size = area(region.polygon) / max(area(best.polygon), 1e-6)
    return 1 / _ALIKE <= size <= _ALIKE and all(lies_in(look.landmarks, region.polygon) for look in looks)


def _axes(look: FaceLook) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """From the eye on the left to the other, down the face, and how far the eyes are apart."""
    first, second = (np.array(point) for point in look.landmarks[:2])
    apart = _distance(look)
    across = (second - first) / max(apart, 1e-6)
    return across, np.array([-across[1], across[0]]), apart


def _distance(look: FaceLook) -> float:
    (x0, y0), (x1, y1) = look.landmarks[:2]
    return float(np.hypot(x1 - x0, y1 - y0))


def _turned(look: FaceLook) -> str:
    """Why its features do not lie as those of a face that looks into the camera."""
    across, down, apart = _axes(look)
    eye, _, nose, corner, other = (np.array(point) - np.array(look.landmarks[0]) for point in look.landmarks)
    nose_at, mouth = float(nose @ across) / apart, (corner + other) / 2
    wide, long = float(np.hypot(*(other - corner))) / apart, float((mouth - eye) @ down) / apart
    level = abs(float((other - corner) @ down)) / max(wide * apart, 1e-6)
    right_way = float((other - corner) @ across) > 0 and 0 < float(nose @ down) < float(mouth @ down)
    if not right_way or level > LEVEL or not LONG[0] <= long <= LONG[1] or not WIDE[0] <= wide <= WIDE[1]:
        return "its eyes and mouth do not lie as in a face that looks into the camera"
    if not TURNED[0] <= nose_at <= TURNED[1]:
        return "it looks away"
    return ""


def _cut(look: FaceLook, width: int, height: int) -> str:
    corners = [corner for polygon in (look.box, *_bands(look)) for corner in polygon]
    if all(0 <= x <= width and 0 <= y <= height for x, y in corners):
        return ""
    return "it is cut by the edge of the picture"


def _bands(look: FaceLook) -> tuple[Polygon, Polygon]:
    across, down, apart = _axes(look)

    def band(first: Point, second: Point, reach: tuple[float, float, float]) -> Polygon:
        beyond, up, below = (share * apart for share in reach)
        start, end = np.array(first) - across * beyond, np.array(second) + across * beyond
        corners = (start - down * up, end - down * up, end + down * below, start + down * below)
        return tuple((float(x), float(y)) for x, y in corners)

    eye, other_eye, _, corner, other_corner = look.landmarks
    return band(eye, other_eye, EYES), band(corner, other_corner, MOUTH)
