"""What is known so far of whom and what the pictures are of. Kept for one session, never on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from capture.body_sites import PAIRED
from capture.encounter import Laterality
from capture.wounds import Wound

PATIENT_LENGTH = 64
NOTE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class DraftConsent:
    """What the patient agreed to. Documentation in the record is what the device is for; the rest is asked for."""

    record: bool = True
    second_opinion: bool = False
    teaching: bool = False
    recognisable: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """An Encounter that may still lack its patient, body site or side.

    Attributes:
        patient: the patient reference; empty until typed.
        body_site: SNOMED CT code; empty until chosen.
        side: left, right, bilateral, or None where it makes no sense.
        since: the day since when the wound is there; None until somebody says it.
        number: which of several wounds of this place and day.
        consent: what the patient agreed to.
        note: free text, at most 500 characters.
        urgent: sent before everything else.
    """

    patient: str = ""
    body_site: str = ""
    side: Laterality | None = None
    since: date | None = None
    number: int = 1
    consent: DraftConsent = field(default_factory=DraftConsent)
    note: str = ""
    urgent: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """What a picture still needs before it can be accepted, in the order it is asked."""
        asked = (
            ("patient", self.patient),
            ("body_site", self.body_site),
            ("side", self.side or self.body_site not in PAIRED),
            ("consent", self.consent.record),
        )
        return tuple(name for name, value in asked if not value)

    def encounter(self, clinician: str, wound: Wound | None) -> dict[str, Any]:
        """The Encounter as the camera service takes it; `wound` is the one of this body site that it is of."""
        return {
            "patient": self.patient,
            "clinician": clinician,
            "body_site": self.body_site,
            "laterality": self.side.value if self.side else None,
            "consent": {
                "record": self.consent.record,
                "second_opinion": self.consent.second_opinion,
                "teaching": self.consent.teaching,
                "recognisable": self.consent.recognisable,
            },
            "note": self.note,
            "series": wound.series if wound else "",
            "urgent": self.urgent,
        }
