"""How the screen looks to the person before it: language, hand, light. Pure; it travels in a cookie of the browser."""

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
        return f"{self.code}.{self.hand}.{self.light}"


def parse_look(cookie: str, default: Look) -> Look:
    """What this cookie chose; the default for one that is not ours."""
    parts = cookie.split(".")
    try:
        return Look(parts[0], Hand(parts[1]), Light(parts[2])) if len(parts) == 3 else default
    except ValueError:
        return default
