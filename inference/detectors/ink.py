"""Ink or blood: the colour of a piece beside the skin around it, a second witness for our own network. Pure.

Haemoglobin takes away blue and green light and leaves red; the inks of tattoos take away all three, or most of the
red. So what is redder than the skin around it, in proportion, is likelier a wound, a bruise or a flush. Being bluer
says nothing for a tattoo: shadows and dark cloth are bluer too. Proportions are differences of logarithms, so that the
skin's tone and the lamp's colour drop out.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from inference.detectors.pieces import Piece
from inference.detectors.skinmap import SkinMaps

WEIGHT: Final = 8.0
"""What the score's logit loses for each unit of ln(red / blue) more than the skin around has."""
MOST: Final = 0.2
"""Where the witness has said all that it can say."""

_FAINTEST: Final = 1e-4
_SKIN: Final = 0.5
_BARE: Final = 0.15
_AROUND: Final = 7
_FEWEST: Final = 8
_DARKEST: Final = 8.0
"""Added to each channel, 0 to 255: in black there is no colour."""


def reconsidered(piece: Piece, maps: SkinMaps) -> float:
    """The score of a piece of the tattoo map once its colour has been heard.

    Where no skin is to be seen beside it, the score stays.
    """
    score, inside = piece.score, piece.inside
    bare = (maps.skin >= _SKIN) & (maps.tattoo < _BARE)
    kernel = np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8)
    around = bare & (cv2.dilate(inside.astype(np.uint8), kernel) > 0)
    skin = around if np.count_nonzero(around) >= _FEWEST else bare
    if np.count_nonzero(skin) < _FEWEST:
        return score
    light = np.log(maps.seen.astype(np.float32) + np.float32(_DARKEST))
    bluer = light[..., 2] - light[..., 0]
    redder = float(np.clip(np.median(bluer[skin]) - np.median(bluer[inside]), 0, MOST))
    likely = float(np.clip(score, _FAINTEST, 1 - _FAINTEST))
    odds = np.log(likely / (1 - likely)) - WEIGHT * redder
    return float(1 / (1 + np.exp(-odds)))
