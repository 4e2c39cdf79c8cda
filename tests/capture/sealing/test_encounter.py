"""An encounter that exists is one that a hospital can file."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from capture.encounter import BODY_SITES, Consent, Encounter, Laterality

GOOD = Encounter("MRN-1", "b-1001", "84607009", Laterality.LEFT, Consent(record=True))


def test_a_body_site_is_a_snomed_code_with_its_check_digit():
    for code, term in BODY_SITES.items():
        assert re.fullmatch(r"[1-9][0-9]{5,17}", code), term
        assert verhoeff_is_valid(code), term
    assert BODY_SITES["84607009"] == "Skin of heel"
    assert BODY_SITES["22180002"] == "Skin of buttock"
    assert len(set(BODY_SITES.values())) == len(BODY_SITES)


def verhoeff_is_valid(code: str) -> bool:
    """SNOMED CT's check digit (Release File Specification, appendix: Verhoeff's dihedral check)."""
    times = [[j if i == 0 else 0 for j in range(10)] for i in range(10)]
    for i in range(10):
        for j in range(10):
            first, second = i < 5, j < 5
            if first and second:
                times[i][j] = (i + j) % 5
            elif first:
                times[i][j] = (i + j - 5) % 5 + 5
            elif second:
                times[i][j] = (i - 5 - j) % 5 + 5
            else:
                times[i][j] = (i - j) % 5
    turn = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for place, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(place % 8):
            value = turn[value]
        check = times[check][value]
    return check == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": ""},
        {"patient": "x" * 65},
        {"patient": " MRN"},
        {"patient": "MRN\n1"},
        {"patient": "MRN\u202e1"},
        {"clinician": ""},
        {"clinician": "\x00"},
        {"series": "x" * 65},
        {"body_site": "0"},
        {"body_site": ""},
        {"note": "x" * 2001},
        {"note": "bell\x07"},
        {"consent": Consent(record=False, teaching=True)},
    ],
    ids=repr,
)
def test_what_cannot_be_filed_cannot_be_an_encounter(changes):
    with pytest.raises(ValueError, match=r"\w"):
        replace(GOOD, **changes)


def test_names_and_notes_of_any_language_are_taken():
    encounter = replace(GOOD, patient="Ж-42", note="Größe 3 × 2 cm\n傷口", series="heel-1", urgent=True)
    assert encounter.note.startswith("Größe")


def test_a_side_is_not_always_there():
    assert replace(GOOD, laterality=None).laterality is None
