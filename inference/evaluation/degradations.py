"""What a ward does to a picture, one row of a table each: the annotations change exactly as the pixels do. Pure.

A truth stays what it was to the undamaged picture: a word that was legible still counts when the blur ate it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import cv2
import numpy as np

from inference.evaluation.annotations import AnnotatedPicture
from inference.evaluation.cutting import cut_through_a_face
from inference.evaluation.occluding import behind_a_hand, masked, shows_a_face
from inference.evaluation.turning import Turn
from inference.picture import Pixels

DARK: Final = 0.18
MOTION_PIXELS: Final = 15
DEFOCUS_PIXELS: Final = 9
JPEG_QUALITY: Final = 30
ALL: Final = "all"


def _always(_picture: AnnotatedPicture) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Degradation:
    """A change of annotated pictures.

    Attributes:
        name: as the command line spells it.
        change: the picture after it.
        applies: whether it changes this picture at all; where it does not, the picture is left out.
    """

    name: str
    change: Callable[[AnnotatedPicture], AnnotatedPicture]
    applies: Callable[[AnnotatedPicture], bool] = _always


def darkened(pixels: Pixels) -> Pixels:
    """Every value × 0.18: a lamp that is out."""
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=DARK), dtype=np.uint8)


def moved(pixels: Pixels) -> Pixels:
    """A hand that moved 15 pixels to the side while the shutter was open."""
    return _filtered(pixels, np.full((1, MOTION_PIXELS), 1 / MOTION_PIXELS))


def defocused(pixels: Pixels) -> Pixels:
    """A lens out of focus: every point a disc of 9 pixels across."""
    along = np.arange(DEFOCUS_PIXELS) - DEFOCUS_PIXELS // 2
    disc = (np.hypot(along[:, None], along[None, :]) <= DEFOCUS_PIXELS / 2).astype(np.float64)
    return _filtered(pixels, disc / disc.sum())


def compressed(pixels: Pixels) -> Pixels:
    """A JPEG of quality 30, decoded again."""
    blue_first = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if done else None
    if back is None:
        raise ValueError("OpenCV cannot write a JPEG of this picture")
    return np.asarray(back, dtype=np.uint8)


def _filtered(pixels: Pixels, kernel: np.ndarray) -> Pixels:
    return np.asarray(cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8)


def _turned(degrees: int, picture: AnnotatedPicture) -> AnnotatedPicture:
    return Turn(degrees, picture.width, picture.height).picture(picture)


def _seen(through: Callable[[Pixels], Pixels], picture: AnnotatedPicture) -> AnnotatedPicture:
    return replace(picture, pixels=through(picture.pixels))


def _unchanged(picture: AnnotatedPicture) -> AnnotatedPicture:
    return picture


AS_IS: Final = Degradation("as-is", _unchanged)

DEGRADATIONS: Final[tuple[Degradation, ...]] = (
    AS_IS,
    *(Degradation(f"turn-{degrees}", partial(_turned, degrees)) for degrees in range(45, 360, 45)),
    Degradation("dark", partial(_seen, darkened)),
    Degradation("motion", partial(_seen, moved)),
    Degradation("defocus", partial(_seen, defocused)),
    Degradation("jpeg", partial(_seen, compressed)),
    Degradation("mask", masked, shows_a_face),
    Degradation("hand", behind_a_hand, shows_a_face),
    Degradation("cut", cut_through_a_face, shows_a_face),
)
"""Every degradation, in the order of reports. A new one is one line here."""


def named(names: Iterable[str]) -> tuple[Degradation, ...]:
    """The degradations of these names, in the table's order; `all` names every one.

    Raises:
        KeyError: no degradation has that name; its argument is the name.
    """
    wanted = set(names)
    unknown = sorted(wanted - {ALL, *(degradation.name for degradation in DEGRADATIONS)})
    if unknown:
        raise KeyError(unknown[0])
    return tuple(degradation for degradation in DEGRADATIONS if ALL in wanted or degradation.name in wanted)
