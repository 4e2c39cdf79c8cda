"""Whom and what a picture is of."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from capture.body_sites import BODY_SITES

__all__ = ["BODY_SITES", "MAX_NAME", "MAX_NOTE", "Consent", "Encounter", "Laterality", "check_note"]

MAX_NAME: Final = 64
MAX_NOTE: Final = 2000


class Laterality(StrEnum):
    """Which side, as the patient has it."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the patient agreed that the picture may be used for.

    Attributes:
        record: the patient's own record. Without it there is no picture.
        second_opinion: colleagues outside the ward.
        teaching: lessons, with no name on it.
        recognisable: the patient's eyes or mouth may be seen in it. Without it they stay covered.
    """

    record: bool
    second_opinion: bool = False
    teaching: bool = False
    recognisable: bool = False


@dataclass(frozen=True, slots=True)
class Encounter:
    """Whom and what a picture is of. Sealed with it; never outside.

    Attributes:
        patient: the hospital's reference, as on the wristband; 1 to 64 characters.
        clinician: who takes the picture, as the roster names them; 1 to 64 characters.
        body_site: a SNOMED CT code out of `BODY_SITES`.
        laterality: which side, where the site has two.
        consent: what the patient agreed to; the record at least.
        note: what the clinician adds; up to 2000 characters, lines allowed.
        series: which pictures are of one wound over time; up to 64 characters.
        urgent: whether it goes before the others.

    Raises:
        ValueError: a field outside these bounds; the message is for the person who typed it.
    """

    patient: str
    clinician: str
    body_site: str
    laterality: Laterality | None
    consent: Consent
    note: str = ""
    series: str = ""
    urgent: bool = False

    def __post_init__(self) -> None:
        _line("patient reference", self.patient, least=1)
        _line("clinician", self.clinician, least=1)
        _line("wound series", self.series, least=0)
        if self.body_site not in BODY_SITES:
            raise ValueError("the body site is not one of the list: choose where on the body the wound is")
        if not self.consent.record:
            raise ValueError("without the patient's consent to the record, no picture is kept")
        check_note(self.note)


def check_note(note: str, most: int = MAX_NOTE) -> None:
    """Nothing, where a note may stand in a record.

    Raises:
        ValueError: it is longer than `most` characters, or holds what no screen shows.
    """
    if len(note) > most:
        raise ValueError(f"the note has at most {most} characters")
    if any(unicodedata.category(sign) in _HIDDEN and sign != "\n" for sign in note):
        raise ValueError("the note holds signs that cannot be shown")


_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def _line(what: str, text: str, *, least: int) -> None:
    if not least <= len(text) <= MAX_NAME:
        raise ValueError(f"the {what} has {least} to {MAX_NAME} characters")
    if text != text.strip() or any(unicodedata.category(sign) in _HIDDEN for sign in text):
        raise ValueError(f"the {what} begins or ends with a space, or holds signs that cannot be shown")
