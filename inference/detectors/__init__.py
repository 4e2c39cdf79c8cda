"""The detectors of this release: a new one is one file beside this, and one line in a table below.

Three tables, because three moments differ in what they can afford: the live view looks every frame, a still is looked
at with everything, and the second look is another look (other sizes) at what the first one left. Beside a still's
table stands what is also asked where wounds are (inference/guard.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from inference.canvas import Canvas
from inference.detectors import faces, lines, skinmap, text
from inference.detectors.codes import CodeDetector, Decoded, read_codes, scan_codes
from inference.detectors.detector import Detector
from inference.detectors.faces import FaceDetector
from inference.detectors.skin import SkinDetector
from inference.detectors.text import TextDetector
from inference.models import LoadedModel
from inference.policy import Thresholds

__all__ = [
    "GUARDED",
    "LIVE",
    "SECOND_LOOK",
    "STILL",
    "Decoded",
    "Detector",
    "Factory",
    "ReadyDetector",
    "read_codes",
    "scan_codes",
]


class ReadyDetector(Detector, Protocol):
    """A detector that can be warmed before the first picture."""

    def prepare(self) -> None:
        """Does once what the first picture should not wait for."""


Factory = Callable[[Mapping[str, LoadedModel], Thresholds], ReadyDetector]


def _face(canvas: Canvas, degrees: int, *, moved: bool = False) -> Factory:
    """A careful look: nothing that eight bits say is believed but that there is nothing near a face."""
    return lambda models, limits: FaceDetector(
        models[faces.MODEL],
        canvas,
        degrees=degrees,
        threshold=limits.face.ask,
        sure=limits.face.cover,
        moved=moved,
        sieve=models[faces.MODEL].quick,
    )


def _face_at_once(canvas: Canvas) -> Factory:
    """A look for every frame: in eight bits, and without a closer one."""

    def make(models: Mapping[str, LoadedModel], limits: Thresholds) -> FaceDetector:
        whole = models[faces.MODEL]
        small, ask = whole.quick, limits.face.ask
        if small is None:
            return FaceDetector(whole, canvas, degrees=0, threshold=ask, sure=ask)
        return FaceDetector(small, canvas, degrees=0, threshold=ask, sure=ask, rounded=faces.ROUNDED)

    return make


def _text(canvas: Canvas, *, most: int, thorough: bool = False) -> Factory:
    return lambda models, limits: TextDetector(
        models[text.DETECTOR], models[lines.READER], canvas, threshold=limits.text.ask, most=most, thorough=thorough
    )


def _skin(*canvases: Canvas, twice: bool = False) -> Callable[[Mapping[str, LoadedModel], Thresholds], SkinDetector]:
    return lambda models, limits: SkinDetector(models[skinmap.MODEL], canvases, limits, twice=twice)


def _code(side: int, *, locate: bool, thorough: bool = True, papers: bool = False, slanted: bool = False) -> Factory:
    return lambda _models, _limits: CodeDetector(
        side=side, locate=locate, thorough=thorough, papers=papers, slanted=slanted
    )


QUARTERS: Final = (0, 90, 180, 270)
DIAGONALS: Final = (45, 135, 225, 315)
SHARP: Final = Canvas(512, 384)
BLURRED: Final = Canvas(256, 192)
"""Faces that moved are found on a small canvas, and small ones on a large one."""

STILL: Final[tuple[Factory, ...]] = (
    _text(Canvas(1280, 960), most=24, thorough=True),
    *(_face(SHARP, degrees) for degrees in QUARTERS),
    *(_face(BLURRED, degrees, moved=True) for degrees in QUARTERS),
    *(_face(Canvas(416, 416), degrees) for degrees in DIAGONALS),
    _code(1600, locate=True, papers=True, slanted=True),
)
GUARDED: Final = _skin(Canvas(320, 256), Canvas(512, 384), Canvas(256, 192), twice=True)
"""A still's two looks at skin on each canvas, which the wound guard shares."""
LIVE: Final[tuple[Factory, ...]] = (
    _face_at_once(Canvas(320, 256)),
    _skin(Canvas(256, 192)),
    _text(Canvas(512, 384), most=2),
    _code(640, locate=False, thorough=False),
)
SECOND_LOOK: Final[tuple[Factory, ...]] = (
    *(_face(Canvas(416, 320), degrees) for degrees in QUARTERS),
    _text(Canvas(640, 480), most=16),
    _code(2400, locate=False),
)
