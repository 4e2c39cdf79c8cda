"""Whom and what the pictures are of: what the strip and its dialogs show, keep, and offer again."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field, field_validator

from capture.body_sites import BODY_SITES
from capture.encounter import Laterality, check_note
from capture.wounds import MOST_IN_ONE_PLACE
from provisioning.panel import body_map
from provisioning.panel.desk import Desk
from provisioning.panel.draft import NOTE_LENGTH, PATIENT_LENGTH, Draft, DraftConsent
from provisioning.panel.encounter_view import place, shown
from provisioning.panel.errors import CodeRefused, ConsentRefused, DayRefused, NoteRefused, WoundUnknown
from provisioning.panel.languages import Language
from provisioning.panel.routes import Body, desk_of, look_of, session_of
from provisioning.panel.sessions import Session
from provisioning.panel.words import PHRASES, site_groups

router = APIRouter()

EARLIEST = date(1900, 1, 1)


class Consent(Body):
    """What the patient agreed to."""

    record: bool
    second_opinion: bool
    teaching: bool
    recognisable: bool = False


class EncounterFields(Body):
    """The whole encounter strip, as the page has it."""

    patient: Annotated[str, Field(max_length=PATIENT_LENGTH)]
    body_site: str
    side: Laterality | None
    since: Annotated[date, Field(ge=EARLIEST)] | None = None
    number: Annotated[int, Field(ge=1, le=MOST_IN_ONE_PLACE)] = 1
    consent: Consent
    note: str
    urgent: bool = False

    @field_validator("body_site")
    @classmethod
    def _known(cls, code: str) -> str:
        if code and code not in BODY_SITES:
            raise ValueError("not one of the body sites")
        return code


class Again(Body):
    """The name of a wound series that was offered."""

    series: Annotated[str, Field(max_length=64)]


def encounter_values(desk: Desk, session: Session, said: Language) -> dict[str, Any]:
    """What the encounter strip and its dialogs need."""
    return {
        "encounter_json": json.dumps(_shown(desk, session, said)),
        "site_groups": site_groups(said, BODY_SITES),
        "body_views": tuple((view, body_map.spots(view)) for view in body_map.View),
        "figures": body_map.FIGURES,
        "sides": (Laterality.RIGHT, Laterality.LEFT),
        "place": lambda spot: place(said, spot.code, spot.side),
        "phrases": PHRASES,
        "note_length": NOTE_LENGTH,
        "may_recognise": desk.may_recognise(session.role),
    }


@router.get("/encounter")
async def encounter(request: Request) -> dict[str, Any]:
    """The encounter of this session as it is kept: what a page shows after a change that was refused."""
    return _shown(desk_of(request), session_of(request), look_of(request).language)


@router.put("/encounter")
async def set_encounter(request: Request, body: EncounterFields) -> dict[str, Any]:
    """Keeps the encounter for this session. Another patient begins anew: nothing of the one before is theirs."""
    desk, session = desk_of(request), session_of(request)
    before = session.draft
    try:
        patient = desk.patient(body.patient) if body.patient else ""
    except CodeRefused:
        if before.patient:  # whoever the next picture is of, nobody said that it is the one before
            session.draft = Draft()
        raise
    _check(desk, session, body)
    if before.patient and patient != before.patient:
        session.draft = Draft(patient=patient)
    else:
        session.draft = Draft(
            patient=patient,
            body_site=body.body_site,
            side=body.side,
            since=body.since,
            number=body.number,
            consent=DraftConsent(**body.consent.model_dump()),
            note=body.note,
            urgent=body.urgent,
        )
    return _shown(desk, session, look_of(request).language)


@router.post("/encounter/again")
async def again(request: Request, body: Again) -> dict[str, Any]:
    """The next picture is of a wound of this patient that was photographed before, with the consent given then."""
    desk, session = desk_of(request), session_of(request)
    known = desk.wounds.of(session.draft.patient, desk.clock())
    found = next((one for one in known if one.wound.series == body.series), None)
    if found is None:
        raise WoundUnknown
    wound = found.wound
    session.draft = Draft(
        patient=session.draft.patient,
        body_site=wound.body_site,
        side=wound.side,
        since=wound.since,
        number=wound.number,
        consent=found.consent,
    )
    return _shown(desk, session, look_of(request).language)


def _check(desk: Desk, session: Session, body: EncounterFields) -> None:
    """Nothing, where each field may be kept. Raises NoteRefused, DayRefused, ConsentRefused."""
    try:
        check_note(body.note, NOTE_LENGTH)
    except ValueError as wrong:
        raise NoteRefused(f"The note was not kept: {wrong}.") from None
    today = desk.today()
    if body.since and today and body.since > today:
        raise DayRefused
    if body.consent.recognisable and not desk.may_recognise(session.role):
        raise ConsentRefused


def _shown(desk: Desk, session: Session, said: Language) -> dict[str, Any]:
    draft = session.draft
    known = desk.wounds.of(draft.patient, desk.clock())
    return shown(draft, desk.wound(draft), known, desk.today(), said)
