"""How the picture moved between two frames of the live view, so that what is held goes with what it covers.

Pure, but for the frame that a :class:`Follower` remembers.
Corners of a small grey copy are followed by pyramidal Lucas-Kanade (Bouguet, "Pyramidal implementation of the Lucas
Kanade feature tracker", 2001), and one turn, scale and shift is fitted to them by RANSAC: the camera's. Where the
corners inside a region agree on another way, the region goes theirs. How far they disagree is its doubt.
A swing that is too wide for the pyramid leads corners astray that nothing moved: what strays is looked for again where
the camera's way would have it, and is where it looks more alike. Where too many stray to tell the camera's way, all are
looked for again where the picture as a whole seems to have gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.geometry import bounds, scaled_size
from inference.picture import Pixels, Polygon

SIDE: Final = 160
"""Pixels of the small copy's longer side."""
LOST: Final = 1 / 64
"""Doubt a frame, of the picture's longer side, when nothing says how it moved: as fast as a hand moves a camera."""
_CORNERS: Final = 80
_QUALITY: Final = 0.01
_APART: Final = 4
_WINDOW: Final = (15, 15)
_LEVELS: Final = 3
_AGREE: Final = 1.0
"""Pixels of the small copy within which a corner goes the camera's way."""
_FEWEST: Final = 8
_FEWEST_INSIDE: Final = 5
_MOST_OF: Final = 0.9

Points = NDArray[np.float64]
"""N×2 float64: x, y."""
Affine = NDArray[np.float64]
"""2×3 float64: a point (x, y, 1) of the earlier frame times this is the point in the later one."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """The way from one frame to the next.

    Attributes:
        camera: of the picture as a whole.
        before: where the corners that were followed were in the earlier frame, pixels.
        strays: for each of them, how far it went beside the camera's way, pixels.
        doubt: how far what is anywhere in the picture may have gone beside the camera's way, pixels.
    """

    camera: Affine
    before: Points
    strays: Points
    doubt: float

    def moved(self, polygon: Polygon) -> tuple[Polygon, float]:
        """The polygon where it is now, and how far that may be wrong on every side, pixels."""
        left, top, right, bottom = bounds(polygon)
        inside = ((self.before >= (left, top)) & (self.before <= (right, bottom))).all(axis=1)
        own, doubt = np.zeros(2), self.doubt
        if inside.sum() >= _FEWEST_INSIDE:
            own = np.median(self.strays[inside], axis=0)
            doubt = _usual(self.strays[inside] - own)
        after = np.asarray(polygon, dtype=np.float64) @ self.camera[:, :2].T + self.camera[:, 2] + own
        return tuple((float(x), float(y)) for x, y in after), doubt


class Follower:
    """Follows one stream of frames. For one caller at a time."""

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] | None = None

    def step(self, pixels: Pixels) -> Motion:
        """The way from the frame before to this H×W×3 uint8 RGB frame; the first comes from nowhere and is lost."""
        longer = max(pixels.shape[:2])
        scale = min(1.0, SIDE / longer)
        grey, last = _small(pixels, scale), self._last
        self._last = grey
        if last is None or last.shape != grey.shape:
            return _lost(longer)
        followed = _followed(last, grey)
        fitted = _camera(followed)
        if fitted is None and (swing := _swing(last, grey)) is not None:
            followed = _followed(last, grey, swing)
            fitted = _camera(followed)
        if fitted is None:
            return _lost(longer)
        before, beside = _beside(fitted, followed, last, grey)
        if not len(before):
            return _lost(longer)
        camera, strays = fitted.copy(), beside / scale
        camera[:, 2] /= scale
        return Motion(camera, before / scale, strays, _usual(strays))


def _small(pixels: Pixels, scale: float) -> NDArray[np.uint8]:
    size = scaled_size(pixels.shape[1], pixels.shape[0], scale)
    return np.asarray(
        cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY), dtype=np.uint8
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Followed:
    """Corners of the earlier small copy, where they are in the later one, and how unlike they look there: N×2, N×2, N.

    The last is without an end where they were not found.
    """

    before: Points
    after: Points
    unlike: NDArray[np.float64]

    def only(self, these: NDArray[np.bool_]) -> _Followed:
        """Some of them."""
        return _Followed(self.before[these], self.after[these], self.unlike[these])


def _swing(last: NDArray[np.uint8], grey: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """How far the picture as a whole went, x and y, by what both have in common (phase correlation); None of strips."""
    if min(grey.shape) < _WINDOW[0]:
        return None
    window = cv2.createHanningWindow((grey.shape[1], grey.shape[0]), cv2.CV_64F)
    shift, _sure = cv2.phaseCorrelate(last.astype(np.float64), grey.astype(np.float64), window)
    return np.asarray(shift, dtype=np.float64) if np.isfinite(shift).all() else None


def _followed(last: NDArray[np.uint8], grey: NDArray[np.uint8], swing: NDArray[np.float64] | None = None) -> _Followed:
    """The corners of the earlier picture that were found again, looked for where a `swing` would have them."""
    corners = cv2.goodFeaturesToTrack(last, _CORNERS, _QUALITY, _APART)
    if corners is None or len(corners) < _FEWEST:
        return _Followed(np.empty((0, 2)), np.empty((0, 2)), np.empty(0))
    before = corners.reshape(-1, 2).astype(np.float64)
    found = _found(last, grey, before, near=None if swing is None else before + swing, levels=_LEVELS)
    return found.only(np.isfinite(found.unlike))


def _found(
    last: NDArray[np.uint8], grey: NDArray[np.uint8], before: Points, *, near: Points | None, levels: int
) -> _Followed:
    """Where these corners are: `near` a point for each where that is given, the further from it the more levels."""
    flags = 0 if near is None else cv2.OPTFLOW_USE_INITIAL_FLOW
    points, guesses = (np.float32(some).reshape(-1, 1, 2) for some in (before, before if near is None else near))
    found, status, unlike = cv2.calcOpticalFlowPyrLK(
        last, grey, points, guesses, winSize=_WINDOW, maxLevel=levels, flags=flags
    )
    sure = np.where(status.ravel() == 1, unlike.ravel(), np.inf)
    return _Followed(before, found.reshape(-1, 2).astype(np.float64), np.asarray(sure, dtype=np.float64))


def _beside(
    camera: Affine, followed: _Followed, last: NDArray[np.uint8], grey: NDArray[np.uint8]
) -> tuple[Points, Points]:
    """The corners that the camera's way leaves in the picture, and how far each went beside it; of the small copies."""
    height, width = grey.shape
    there = followed.before @ camera[:, :2].T + camera[:, 2]
    inside: NDArray[np.bool_] = np.all((there >= 0) & (there <= (width - 1, height - 1)), axis=1)
    followed, there = followed.only(inside), there[inside]
    after, strayed = followed.after.copy(), np.flatnonzero(np.hypot(*(followed.after - there).T) > _AGREE)
    if strayed.size:
        again = _found(last, grey, followed.before[strayed], near=there[strayed], levels=0)
        better = again.unlike < followed.unlike[strayed]
        after[strayed[better]] = again.after[better]
    return followed.before, after - there


def _camera(followed: _Followed) -> Affine | None:
    """One turn, scale and shift that most corners agree on; None where there is none."""
    if len(followed.before) < _FEWEST:
        return None
    fitted, agree = cv2.estimateAffinePartial2D(
        followed.before, followed.after, method=cv2.RANSAC, ransacReprojThreshold=_AGREE
    )
    if fitted is None or not np.isfinite(fitted).all() or 2 * int(agree.sum()) < len(followed.before):
        return None
    return np.asarray(fitted, dtype=np.float64)


def _usual(strays: Points) -> float:
    """How far most of them went."""
    return float(np.quantile(np.hypot(strays[:, 0], strays[:, 1]), _MOST_OF))


def _lost(longer: int) -> Motion:
    nothing = np.empty((0, 2))
    return Motion(np.eye(2, 3), nothing, nothing, longer * LOST)


def after_all(motions: Sequence[Motion], polygon: Polygon) -> tuple[Polygon, float]:
    """The polygon after these motions, oldest first, and how far that may be wrong on every side, pixels."""
    doubt = 0.0
    for motion in motions:
        polygon, more = motion.moved(polygon)
        doubt += more
    return polygon, doubt
