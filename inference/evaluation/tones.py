"""Which bin of skin tones a picture belongs to: annotated, or estimated from its skin-like pixels. Pure.

The estimate is the individual typology angle, ITA = atan((L* - 50) / b*) (Chardon et al., 1991), of the median
skin-like pixel. It knows nothing of the lamp, so it sorts pictures roughly; annotated tones are always preferred. It
looks at the picture before any degradation and before any covering, so that two engines are compared on the same bins.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from inference.evaluation.annotations import AnnotatedPicture, Bits, Tone, ToneSource
from inference.evaluation.patches import patch_of
from inference.picture import Kind, Pixels

LIGHT_TO, MEDIUM_TO = 3, 6
"""The last Monk tone of the first two bins."""
LIGHT_FROM, MEDIUM_FROM = 41.0, 10.0
"""ITA in degrees: above 41 are Chardon's "very light" and "light", above 10 "intermediate" and "tan"."""

_SKIN_LOW: Final = (25, 135, 80)
_SKIN_HIGH: Final = (255, 180, 130)
"""Y, Cr and Cb of skin under ordinary light, a little wider than Chai and Ngan's (1999)."""
_FEWEST_PIXELS: Final = 400
_FEWEST_SHARE: Final = 0.02
_LONGEST_SIDE: Final = 512


def tone_of(picture: AnnotatedPicture) -> tuple[Tone, ToneSource] | None:
    """The bin and how it is known; None where no tone is annotated and too little skin is to be seen."""
    if picture.monk is not None:
        bin_ = Tone.LIGHT if picture.monk <= LIGHT_TO else Tone.MEDIUM if picture.monk <= MEDIUM_TO else Tone.DARK
        return bin_, ToneSource.ANNOTATED
    angle = typology_angle(picture.pixels, _where_skin_may_be(picture))
    if angle is None:
        return None
    return (
        Tone.LIGHT if angle > LIGHT_FROM else Tone.MEDIUM if angle > MEDIUM_FROM else Tone.DARK
    ), ToneSource.ESTIMATED


def typology_angle(pixels: Pixels, where: Bits) -> float | None:
    """ITA in degrees of the median skin-like pixel among those of `where`; None where there are too few."""
    step = max(1, -(-max(pixels.shape[:2]) // _LONGEST_SIDE))
    small, allowed = np.ascontiguousarray(pixels[::step, ::step]), where[::step, ::step]
    skin = cv2.inRange(cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb), _SKIN_LOW, _SKIN_HIGH).astype(np.bool_) & allowed
    if skin.sum() < max(_FEWEST_PIXELS, _FEWEST_SHARE * allowed.sum()):
        return None
    lightness, _, blue = np.median(cv2.cvtColor(small[skin][None] / np.float32(255), cv2.COLOR_RGB2LAB)[0], axis=0)
    return float(np.rad2deg(np.arctan2(lightness - 50, max(blue, 1e-3))))


def _where_skin_may_be(picture: AnnotatedPicture) -> Bits:
    """The faces where there are any, and else everything but the wound and the other identifiers."""
    shape = (picture.height, picture.width)
    faces = [truth for truth in picture.truths if truth.kind is Kind.FACE]
    if faces:
        where = np.zeros(shape, dtype=np.bool_)
        for face in faces:
            patch_of(face, picture.width, picture.height).add_to(where)
        return where
    where = np.ones(shape, dtype=np.bool_) if picture.wound is None else ~picture.wound
    for truth in picture.truths:
        patch = patch_of(truth, picture.width, picture.height)
        where[patch.top : patch.bottom, patch.left : patch.right] &= ~patch.bits
    return where
