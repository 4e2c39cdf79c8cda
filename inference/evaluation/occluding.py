"""Things before a face: a mask over its lower part, a hand over one side. Pure, and the same for the same picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from inference.evaluation.annotations import AnnotatedPicture, Truth
from inference.evaluation.patches import patch_of
from inference.geometry import bounds
from inference.picture import Kind, Pixels

Box = tuple[float, float, float, float]

MASK_GREY: Final = (168, 172, 174)
_MASK_FROM: Final = 0.52
_SHIFT: Final = 4
_FINGERS: Final = (0.12, 0.28, 0.42, 0.56)
"""Where the finger tips lie across the face; they reach up from a palm at its lower left."""


def masked(picture: AnnotatedPicture) -> AnnotatedPicture:
    """The picture with a grey bar over the lower part of every annotated face, as a surgical mask lies."""
    pixels = np.array(picture.pixels)
    for truth in picture.truths:
        if truth.kind is Kind.FACE:
            left, top, right, bottom = bounds(truth.polygon)
            corners = _at(left, top + _MASK_FROM * (bottom - top)), _at(right, bottom)
            cv2.rectangle(pixels, *corners, MASK_GREY, cv2.FILLED, cv2.LINE_8, _SHIFT)
    return _painted(picture, pixels)


def behind_a_hand(picture: AnnotatedPicture) -> AnnotatedPicture:
    """The picture with a hand-like shape, of the face's own colour in shade, over the lower left of every face."""
    pixels = np.array(picture.pixels)
    for truth in picture.truths:
        if truth.kind is Kind.FACE:
            _draw_hand(pixels, bounds(truth.polygon), _colour_of(truth, picture))
    return _painted(picture, pixels)


def shows_a_face(picture: AnnotatedPicture) -> bool:
    """Whether there is a face to put something before, or to cut through."""
    return any(truth.kind is Kind.FACE for truth in picture.truths)


def _draw_hand(pixels: Pixels, box: Box, colour: tuple[int, int, int]) -> None:
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    shade = tuple(round(value * 0.72) for value in colour)
    finger = max(2, round(wide * 0.13))
    palm = _at(left + 0.2 * wide, bottom)
    for tip in _FINGERS:
        end = _at(left + tip * wide, top + (0.3 + 0.25 * abs(tip - 0.34)) * high)
        for paint, thick in ((shade, finger + max(2, finger // 4)), (colour, finger)):
            cv2.line(pixels, palm, end, paint, thick, cv2.LINE_AA, _SHIFT)
    axes = _at(0.34 * wide, 0.3 * high)
    cv2.ellipse(pixels, palm, axes, 0, 0, 360, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _colour_of(truth: Truth, picture: AnnotatedPicture) -> tuple[int, int, int]:
    patch = patch_of(truth, picture.width, picture.height)
    inside = picture.pixels[patch.top : patch.bottom, patch.left : patch.right][patch.bits]
    red, green, blue = (round(float(value) * 0.92) for value in np.median(inside, axis=0))
    return red, green, blue


def _at(x: float, y: float) -> tuple[int, int]:
    return round(x * (1 << _SHIFT)), round(y * (1 << _SHIFT))


def _painted(picture: AnnotatedPicture, pixels: Pixels) -> AnnotatedPicture:
    """The picture with these pixels; the wound is no longer to be seen where they changed."""
    if picture.wound is None:
        return replace(picture, pixels=pixels)
    return replace(picture, pixels=pixels, wound=picture.wound & (pixels == picture.pixels).all(axis=2))
