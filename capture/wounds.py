"""Which pictures are of one wound: the wound series, which any device names alike without knowing another's. Pure.

A series is named by what a nurse says of a wound: where, which side, since which day, and which of several there. So
the name is the same on every device of a ward, needs no memory and says nothing of the patient; it is the patient's own
by the patient's reference that stands beside it in the sealed record. See docs/adr/0018.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from capture.body_sites import BODY_SITES
from capture.encounter import Laterality

MOST_IN_ONE_PLACE: Final = 9
"""Wounds of one place and one day that can be told apart."""

_SERIES: Final = re.compile(r"([0-9]{6,18})\.(left|right|bilateral|none)\.([0-9]{4}-[0-9]{2}-[0-9]{2})\.([1-9])")


@dataclass(frozen=True, slots=True)
class Wound:
    """One wound of a patient, as it is told apart from the others.

    Attributes:
        body_site: SNOMED CT code out of `BODY_SITES`.
        side: which side, as the patient has it; None where the site has none.
        since: the day since when it is there, or is known.
        number: which of several wounds of this place and day, from 1.

    Raises:
        ValueError: no such body site, or a number outside 1 to 9.
    """

    body_site: str
    side: Laterality | None
    since: date
    number: int = 1

    def __post_init__(self) -> None:
        if self.body_site not in BODY_SITES:
            raise ValueError("the body site is not one of the list")
        if not 1 <= self.number <= MOST_IN_ONE_PLACE:
            raise ValueError(f"wounds of one place are numbered 1 to {MOST_IN_ONE_PLACE}")

    @property
    def series(self) -> str:
        """The name of its series, as in `84607009.left.2026-11-12.1`; docs/formats/capture-manifest.md."""
        side = self.side.value if self.side else "none"
        return f"{self.body_site}.{side}.{self.since.isoformat()}.{self.number}"


def parse_series(text: str) -> Wound:
    """The wound that a series' name says.

    Raises:
        ValueError: the name was not made so; it may still be a series, of somebody else's naming.
    """
    if not (said := _SERIES.fullmatch(text)):
        raise ValueError("not the name of a wound series as a device makes it")
    code, side, since, number = said.groups()
    return Wound(code, None if side == "none" else Laterality(side), date.fromisoformat(since), int(number))
