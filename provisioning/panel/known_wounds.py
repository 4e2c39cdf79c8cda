"""Which wounds were photographed lately, so that they are offered again. In memory alone, and under no patient's name.

A patient's reference is kept as a digest under a key that this process made and nobody else has: the memory answers who
already knows the reference, because they read the wristband, and says nothing to anybody else. It ends with the
process. The series needs none of it; see docs/adr/0018.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from capture.wounds import Wound
from provisioning.panel.draft import Draft, DraftConsent

HELD_SECONDS: Final = 7 * 86400.0
MOST_PATIENTS: Final = 256
MOST_WOUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class Known:
    """A wound that was photographed, and what the patient agreed to then; showing eyes or mouth is asked each time."""

    wound: Wound
    consent: DraftConsent
    at: float


@dataclass(slots=True)
class KnownWounds:
    """The wounds of the last patients, each patient's latest first. Times are monotonic seconds."""

    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _held: OrderedDict[bytes, tuple[Known, ...]] = field(default_factory=OrderedDict, repr=False)

    def taken(self, patient: str, wound: Wound, consent: DraftConsent, now: float) -> None:
        """A picture of this wound was accepted."""
        new = Known(wound, replace(consent, recognisable=False), now)
        others = [one for one in self.of(patient, now) if one.wound != wound]
        name = self._name(patient)
        self._held[name] = (new, *others)[:MOST_WOUNDS]
        self._held.move_to_end(name)
        while len(self._held) > MOST_PATIENTS:
            self._held.popitem(last=False)

    def of(self, patient: str, now: float) -> tuple[Known, ...]:
        """The wounds of this patient that were photographed in the last week, the latest first."""
        held = self._held.get(self._name(patient), ()) if patient else ()
        return tuple(one for one in held if now - one.at < HELD_SECONDS)

    def forget_old(self, now: float) -> None:
        """Lets go of what nobody may be offered any more."""
        for name in [name for name, held in self._held.items() if now - held[0].at >= HELD_SECONDS]:
            del self._held[name]

    def _name(self, patient: str) -> bytes:
        return hmac.digest(self._key, patient.encode(), "sha256")


def at_place(draft: Draft, known: Sequence[Known]) -> tuple[Known, ...]:
    """Those of `known` that are where the draft says."""
    return tuple(one for one in known if (one.wound.body_site, one.wound.side) == (draft.body_site, draft.side))


def wound_of(draft: Draft, known: Sequence[Known], today: date | None) -> Wound | None:
    """Which wound the draft is of.

    As somebody said; else the one of that place that was photographed last; else a new one, since today. None while
    nobody said where it is, or where nobody said since when and the device does not know what day it is.
    """
    if not draft.body_site:
        return None
    if draft.since is None and (here := at_place(draft, known)):
        return here[0].wound
    since = draft.since or today
    return Wound(draft.body_site, draft.side, since, draft.number) if since else None
