"""What a scanned or typed badge or wristband says. Pure.

A wristband carries the patient's reference plainly, as GS1 elements (General Specifications section 3: AI 8018 the
service relation of a recipient, AI 91 to 99 the hospital's own), or as an HL7 CX field (v2.5.1 section 2.A.14). What is
typed instead goes through the same function. No message here repeats what was read: that names a patient or a nurse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from capture.encounter import MAX_NAME
from capture.identifiers import is_badge

__all__ = ["NO_BADGE", "BadgeRule", "PatientCheck", "parse_badge", "parse_patient"]

NO_BADGE: Final = "This code is not a badge of this hospital: hold your own badge to the camera, or type it."
_GS: Final = "\x1d"
_BLANK: Final = " \t\r\n"
"""What readers and people put around a code; not the group separator, which begins one and which str.strip takes."""
_AIM: Final = re.compile(r"\](?:C1|d2|Q3|e0)", re.ASCII)
_SHOWN: Final = re.compile(r"\((\d{2,4})\)([^()]*)", re.ASCII)
_OWN: Final = re.compile(r"9[1-9]", re.ASCII)
_RECIPIENT: Final = "8018"
_RECIPIENT_DIGITS: Final = 18
_NHS: Final = re.compile(r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", re.ASCII)


class PatientCheck(StrEnum):
    """How a site's patient references check themselves."""

    NONE = "none"
    NHS = "nhs"


@dataclass(frozen=True, slots=True)
class BadgeRule:
    """What a site's badges say besides the name that the roster knows.

    Attributes:
        prefix: what stands before the name and is taken off; empty for none.
        length: how many characters the name has; None for any number up to 64.

    Raises:
        ValueError: a length outside 1 to 64.
    """

    prefix: str = ""
    length: int | None = None

    def __post_init__(self) -> None:
        if self.length is not None and not 1 <= self.length <= MAX_NAME:
            raise ValueError(f"a badge has 1 to {MAX_NAME} characters")


def parse_badge(text: str, rule: BadgeRule) -> str:
    """The badge as the roster names it: 1 to 64 letters, digits, dots, hyphens and underscores.

    Raises:
        ValueError: this is no badge of the site; the message is for the person who holds it.
    """
    whole = text.strip()
    badge = whole.removeprefix(rule.prefix)
    fits = rule.length is None or len(badge) == rule.length
    if not (whole.startswith(rule.prefix) and fits and is_badge(badge)):
        raise ValueError(NO_BADGE)
    return badge


def parse_patient(text: str, check: PatientCheck) -> str:
    """The patient's reference out of a wristband's code or a typed line: 1 to 64 characters that can be shown.

    An NHS number comes back as its ten digits.

    Raises:
        ValueError: there is no such reference, or its check digit is wrong; the message says what to do.
    """
    reference = _reference(text.strip(_BLANK)).strip()
    if check is PatientCheck.NHS:
        return _nhs_number(reference)
    if not 1 <= len(reference) <= MAX_NAME or not reference.isprintable():
        raise ValueError(
            f"A patient reference has 1 to {MAX_NAME} characters that can be shown: scan again, or type it."
        )
    return reference


def _reference(text: str) -> str:
    marked = _AIM.match(text)
    if marked or text.startswith(_GS):
        return _of_elements(_raw_elements(text[marked.end() if marked else 0 :]))
    if _SHOWN.match(text):
        return _of_elements(_shown_elements(text))
    return text.partition("^")[0]


def _shown_elements(text: str) -> dict[str, str]:
    """AI → value, out of the form with brackets that people read."""
    elements = _SHOWN.findall(text)
    if "".join(f"({ai}){value}" for ai, value in elements) != text or len(dict(elements)) != len(elements):
        raise _no_reference()
    return {ai: value.rstrip(_GS) for ai, value in elements}


def _raw_elements(text: str) -> dict[str, str]:
    """AI → value, of those that can name a patient; an element of another kind is not looked into."""
    elements: dict[str, str] = {}
    while text := text.removeprefix(_GS):
        if text.startswith(_RECIPIENT):
            ai, end = _RECIPIENT, len(_RECIPIENT) + _RECIPIENT_DIGITS
        elif _OWN.match(text):
            ai, end = text[:2], (text + _GS).index(_GS)
        else:
            raise _no_reference()
        if ai in elements:
            raise _no_reference()
        elements[ai], text = text[len(ai) : end], text[end:]
    return elements


def _of_elements(elements: dict[str, str]) -> str:
    recipient = elements.get(_RECIPIENT)
    if recipient is not None:
        if not re.fullmatch(r"[0-9]{18}", recipient) or _gs1_check(recipient[:-1]) != int(recipient[-1]):
            raise _wrong_digit()
        return recipient
    own = [value for ai, value in elements.items() if _OWN.fullmatch(ai)]
    if len(own) != 1:
        raise _no_reference()
    return own[0]


def _gs1_check(digits: str) -> int:
    """GS1 General Specifications section 7.9: from the right, weights 3 and 1 in turn."""
    return -sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits))) % 10


def _nhs_number(text: str) -> str:
    """NHS Data Dictionary, NHS NUMBER: weights 10 to 2, modulus 11; a check of 10 is never given out."""
    if not _NHS.fullmatch(text):
        raise ValueError("An NHS number has ten digits: scan the wristband again, or type the number.")
    digits = re.sub(r"[ -]", "", text)
    check = -sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    if check != int(digits[-1]):
        raise _wrong_digit()
    return digits


def _wrong_digit() -> ValueError:
    return ValueError("The number's check digit is wrong: compare it with the wristband, then scan or type it again.")


def _no_reference() -> ValueError:
    return ValueError("This code does not say who the patient is: scan the wristband's own code, or type the number.")
