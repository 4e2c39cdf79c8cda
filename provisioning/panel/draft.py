"""What is known so far of whom and what the pictures are of. Kept for one session, never on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

PATIENT_LENGTH = 64
NOTE_LENGTH = 500


class Side(StrEnum):
    """Which side of the body."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


@dataclass(frozen=True, slots=True)
class DraftConsent:
    """What the patient agreed to. Documentation in the record is what the device is for; the rest is asked for."""

    record: bool = True
    second_opinion: bool = False
    teaching: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """An Encounter that may still lack its patient or body site.

    Attributes:
        patient: the patient reference; empty until typed.
        body_site: SNOMED CT code; empty until chosen.
        side: left, right, bilateral, or None where it makes no sense.
        consent: what the patient agreed to.
        note: free text, at most 500 characters.
        urgent: sent before everything else.
    """

    patient: str = ""
    body_site: str = ""
    side: Side | None = None
    consent: DraftConsent = field(default_factory=DraftConsent)
    note: str = ""
    urgent: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """What a picture still needs before it can be accepted, in the order it is asked."""
        asked = (("patient", self.patient), ("body_site", self.body_site), ("consent", self.consent.record))
        return tuple(name for name, value in asked if not value)

    def encounter(self, clinician: str) -> dict[str, Any]:
        """The Encounter as the camera service takes it."""
        return {
            "patient": self.patient,
            "clinician": clinician,
            "body_site": self.body_site,
            "laterality": self.side.value if self.side else None,
            "consent": {
                "record": self.consent.record,
                "second_opinion": self.consent.second_opinion,
                "teaching": self.consent.teaching,
            },
            "note": self.note,
            "urgent": self.urgent,
        }
