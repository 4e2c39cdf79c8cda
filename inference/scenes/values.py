"""What a drawn scene is asked to show, and what it says about itself afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inference.picture import Pixels, Polygon, Region

DRAWN = "drawn"
"""The `model` of a region that is true because the project drew it there."""

SMALLEST_SIDE, LARGEST_AREA = 320, 16_500_000


class View(StrEnum):
    """What part of a body fills the frame."""

    LIMB = "limb"
    TRUNK = "trunk"


class Prop(StrEnum):
    """A thing that lies in the frame beside the wound."""

    WRISTBAND = "wristband"
    BADGE = "badge"
    LABEL = "label"
    SCREEN = "screen"
    QR = "qr"
    RULER = "ruler"
    GAUZE = "gauze"


@dataclass(frozen=True, slots=True)
class Person:
    """Whose things lie in the frame; every word of it is printed somewhere. Invented, or a test's canary.

    Attributes:
        name: the patient, 1 to 26 characters.
        born: date of birth as printed.
        number: the hospital's number for the patient, 4 to 12 digits; also in the barcodes.
        clinician: on the badge, 1 to 22 characters.
    """

    name: str = "MARTHA EXAMPLE"
    born: str = "1954-03-17"
    number: str = "00418273"
    clinician: str = "IRIS SAMPLE"

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= 26 or not 1 <= len(self.clinician) <= 22 or not 1 <= len(self.born) <= 12:
            raise ValueError("a name of 1 to 26 characters, a clinician of 1 to 22 and a date of 1 to 12 fit the paper")
        if not (self.number.isascii() and self.number.isdigit() and 4 <= len(self.number) <= 12):
            raise ValueError("a patient's number is 4 to 12 digits")


@dataclass(frozen=True, slots=True)
class Wound:
    """A wound to draw: its radius in hundredths of the frame's shorter side, and the share of each tissue.

    What is neither slough (yellow) nor necrosis (black) is granulation (red).
    """

    radius: float = 11.0
    slough: float = 0.3
    necrosis: float = 0.08

    def __post_init__(self) -> None:
        if not 2.0 <= self.radius <= 20.0:
            raise ValueError("a wound's radius lies in 2..20 hundredths of the shorter side")
        if min(self.slough, self.necrosis) < 0.0 or self.slough + self.necrosis > 1.0:
            raise ValueError("shares of tissue are not negative and add up to 1 at most")


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """Everything that decides a scene but its size: the same values draw the same pixels.

    Attributes:
        seed: of all that is left to chance (light, folds, edges, places).
        tone: skin, 1 to 10 of the Monk scale.
        props: what to lay into the frame, the important first; what finds no room is left out.
        tattoo: whether ink is in the skin.
    """

    seed: int
    tone: int = 4
    view: View = View.LIMB
    props: tuple[Prop, ...] = (Prop.WRISTBAND, Prop.BADGE, Prop.LABEL, Prop.RULER)
    person: Person = field(default_factory=Person)
    wound: Wound | None = field(default_factory=Wound)
    tattoo: bool = False

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError("a seed is not negative")
        if not 1 <= self.tone <= 10:
            raise ValueError("the Monk scale has the tones 1 to 10")
        if len(set(self.props)) != len(self.props):
            raise ValueError("each prop lies in a scene once")
        if self.view is View.TRUNK and Prop.WRISTBAND in self.props:
            raise ValueError("a wristband needs a limb")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it stands in the picture: its letters, its outline, and the height of a capital in pixels."""

    text: str
    polygon: Polygon
    height: float
    prop: Prop
    identifying: bool = True


@dataclass(frozen=True, slots=True)
class Code:
    """A barcode as it stands in the picture."""

    format: str
    text: str
    polygon: Polygon
    prop: Prop


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A drawn picture with the truth about it.

    Attributes:
        pixels: H×W×3 uint8 RGB.
        truth: every identifier: a region for each line of text, each code and each tattoo.
        wound_mask: H×W bool, true where wound is to be seen.
        skin_mask: H×W bool, true where skin or wound is to be seen.
        words, codes: what can be read, identifying or not.
        props: what found room.
    """

    pixels: Pixels = field(repr=False)
    truth: tuple[Region, ...]
    wound_mask: NDArray[np.bool_] = field(repr=False)
    skin_mask: NDArray[np.bool_] = field(repr=False)
    words: tuple[Word, ...]
    codes: tuple[Code, ...]
    props: tuple[Prop, ...]
