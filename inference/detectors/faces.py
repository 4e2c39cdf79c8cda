"""Faces, by CenterFace on the picture turned: patients lie down, and at 90° half of their faces are missed."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.canvas import Canvas, cut_out, fit_turned
from inference.detectors import centerface
from inference.geometry import box_corners, expand_boxes
from inference.models import LoadedModel
from inference.picture import Kind, Pixels, Region

MODEL: Final = "centerface"
MARGIN: Final = 1.7
"""Times the model's box: docs/evaluation.md has what each margin covers of heads, and of wounds."""
FIRST: Final = 0.35
"""From here on a first look is worth a closer one."""
CLOSE: Final = Canvas(192, 192)
SIZES: Final = (44, 72)
"""A face's length on the closer look's canvas: real faces are seen at one of them, knees and toes at neither."""
MOVED: Final = 24
"""The same for a face that moved: larger, the streak is all that is seen of it."""
FAR: Final = 32.0
"""Pixels of the first look's canvas: what is longer and is seen small alone is a sole."""
MOST: Final = 12
"""Doubtful faces of one picture that are looked at closer, the likeliest first; the others keep their score."""
SIEVE: Final = 0.15
"""What no face scores less than in eight bits that is one from `FIRST` on: docs/evaluation.md."""
ROUNDED: Final = 0.05
"""What a face may score less in eight bits than it would."""
_FAINT: Final = 0.05
_ALIKE: Final = (0.4, 2.2)


class _Noted:
    """Pictures of which something is known, each as long as it is there."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def __contains__(self, image: Pixels) -> bool:
        return id(image) in self._known

    def note(self, image: Pixels) -> None:
        if image not in self:
            self._known.add(id(image))
            weakref.finalize(image, self._known.discard, id(image)).atexit = False


_SHOWING_FACES: Final = _Noted()


class FaceDetector:
    """Finds faces in the picture turned counter-clockwise by so many degrees, on one canvas.

    A face that scores less than `sure` is looked at again, closer: its score becomes the mean of both looks. Where
    `sure` is no more than `threshold`, none is. Where faces may have `moved`, small ones are looked at small as well.
    Where a `sieve` sees nothing that comes near a face, the model is not asked; where another look already saw a face
    in that picture, the model is asked at once. A model that has itself `rounded` so much is believed from so much
    below `threshold` on.
    """

    kinds: Final = frozenset({Kind.FACE})

    def __init__(
        self,
        model: LoadedModel,
        canvas: Canvas,
        *,
        degrees: int,
        threshold: float,
        sure: float,
        moved: bool = False,
        sieve: LoadedModel | None = None,
        rounded: float = 0.0,
    ) -> None:
        self.name = f"face-{canvas.width}-{degrees}"
        self._asked = (model,) if sieve is None else (sieve, model)
        self.models: Mapping[str, str] = {one.model.name: one.model.sha256 for one in self._asked}
        self._model = model
        self._sieve = sieve
        self._rounded = rounded
        self._canvas = canvas
        self._degrees = degrees
        self._threshold = threshold
        self._sure = sure
        self._moved = moved

    def prepare(self) -> None:
        """Warms the sessions that pictures lying and upright will use."""
        for canvas in {self._canvas.lying, self._canvas.upright}:
            for model in self._asked:
                model.prepare(canvas)
        self._model.prepare(CLOSE)

    def detect(self, image: Pixels) -> list[Region]:
        """Each face with the margin that covers the head, from `threshold` on.

        Raises:
            ModelMisbehaves: the model failed.
            ValueError: the model answered with something that is no face map.
        """
        height, width = image.shape[:2]
        placed, back = fit_turned(image, self._canvas, self._degrees)
        tensor = np.asarray(cv2.dnn.blobFromImage(placed), dtype=np.float32)
        sieve = None if image in _SHOWING_FACES else self._sieve
        if sieve is not None and centerface.surest(sieve.run(tensor)) < SIEVE:
            return []
        believed = self._threshold - self._rounded
        boxes, scores = centerface.decode(self._model.run(tensor), FIRST if self._sure > self._threshold else believed)
        corners = box_corners(expand_boxes(boxes, MARGIN)) @ back[:, :2].T + back[:, 2]
        small = self._moved & ((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) < FAR)
        scores = self._reconsidered(image, corners, scores, small)
        if scores.max(initial=0.0) >= self._sure:
            _SHOWING_FACES.note(image)
        kept = scores >= believed
        scores = np.maximum(scores, self._threshold)
        return faces_of(corners[kept], scores[kept], width, height)

    def _reconsidered(
        self, image: Pixels, quads: NDArray[np.float64], scores: NDArray[np.float64], small: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The scores, best first, with those of doubtful faces averaged with a closer look's."""
        doubtful = np.flatnonzero(scores < self._sure)[:MOST]
        again = scores.copy()
        for place in doubtful:
            sizes = (MOVED, *SIZES) if small[place] else SIZES
            again[place] = (scores[place] + self._closer(image, quads[place], sizes)) / 2
        return again

    def _closer(self, image: Pixels, quad: NDArray[np.float64], sizes: Sequence[int]) -> float:
        """The best score of a face in the middle of the quad, turned as it was found, so long on the canvas."""
        middle = quad.mean(axis=0)
        across, down = quad[1] - quad[0], quad[3] - quad[0]
        length = max(float(np.hypot(*across)), float(np.hypot(*down))) / MARGIN
        best = 0.0
        for size in sizes:
            view = cut_out(image, CLOSE, (float(middle[0]), float(middle[1])), self._degrees, size / max(length, 1.0))
            outputs = self._model.run(np.asarray(cv2.dnn.blobFromImage(view), dtype=np.float32))
            boxes, scores = centerface.decode(outputs, _FAINT)
            centre = np.array([CLOSE.width, CLOSE.height]) / 2
            long = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) / size
            here = (boxes[:, :2] < centre).all(axis=1) & (boxes[:, 2:] > centre).all(axis=1)
            here &= (long > _ALIKE[0]) & (long < _ALIKE[1])
            best = max(best, float(scores[here].max(initial=0.0)))
        return best


def faces_of(quads: NDArray[np.float64], scores: NDArray[np.float64], width: int, height: int) -> list[Region]:
    """The N×4×2 quads, of those scores, that reach into a picture of width×height, as regions."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    inside = (low[:, 0] < width) & (low[:, 1] < height) & (high[:, 0] > 0) & (high[:, 1] > 0)
    return [
        Region(Kind.FACE, tuple((float(x), float(y)) for x, y in quad), float(score), MODEL)
        for quad, score in zip(quads[inside], scores[inside], strict=True)
    ]
