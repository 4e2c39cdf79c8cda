"""How the screen is to the person before it: language, hand, light, sound. Pure; it travels in a browser's cookie."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioning.panel.languages import ENGLISH, LANGUAGES, Language

LOOK_COOKIE = "__Host-wardlens-look"


class Hand(StrEnum):
    """On which side the shutter and the main button are."""

    LEFT = "left"
    RIGHT = "right"


class Light(StrEnum):
    """How bright the screen is. AUTO follows the machine; DARK is for a room where people sleep."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Sound(StrEnum):
    """Whether it says what became of a picture by tones."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Look:
    """What a person chose.

    Attributes:
        code: of one of `LANGUAGES`.

    Raises:
        ValueError: there is no such language.
    """

    code: str = ENGLISH
    hand: Hand = Hand.RIGHT
    light: Light = Light.AUTO
    sound: Sound = Sound.ON

    def __post_init__(self) -> None:
        if self.code not in LANGUAGES:
            raise ValueError(f"there is no language {self.code}: {', '.join(LANGUAGES)}")

    @property
    def language(self) -> Language:
        """The catalogue."""
        return LANGUAGES[self.code]

    @property
    def cookie(self) -> str:
        """As the browser keeps it."""
        return f"{self.code}.{self.hand}.{self.light}.{self.sound}"


def parse_look(cookie: str, default: Look) -> Look:
    """What this cookie chose; the default for one that is not ours."""
    parts = cookie.split(".")
    try:
        return Look(parts[0], Hand(parts[1]), Light(parts[2]), Sound(parts[3])) if len(parts) == 4 else default
    except ValueError:
        return default
