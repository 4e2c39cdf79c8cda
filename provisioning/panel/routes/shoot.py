"""The viewfinder: live view, encounter, shutter, and the status that every page asks for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import RedirectResponse, Response
from pydantic import Field, field_validator

from capture.encounter import BODY_SITES
from capture.errors import CaptureError
from provisioning.panel.counters import Count
from provisioning.panel.desk import Desk
from provisioning.panel.draft import NOTE_LENGTH, PATIENT_LENGTH, Draft, DraftConsent, Side
from provisioning.panel.errors import NothingInReview
from provisioning.panel.events import Event
from provisioning.panel.languages import Language
from provisioning.panel.pages import page
from provisioning.panel.queue_view import waiting
from provisioning.panel.routes import Body, desk_of, look_of, session_of
from provisioning.panel.sessions import Session
from provisioning.panel.words import PHRASES, site_groups

router = APIRouter()

_log = structlog.get_logger(__name__)


def encounter_values(session: Session, said: Language) -> dict[str, Any]:
    """What the encounter strip and its dialogs need."""
    return {
        "draft_json": json.dumps(asdict(session.draft)),
        "site_groups": site_groups(said, BODY_SITES),
        "phrases": PHRASES,
    }


class Consent(Body):
    """What the patient agreed to."""

    record: bool
    second_opinion: bool
    teaching: bool


class EncounterFields(Body):
    """The whole encounter strip, as the page has it."""

    patient: Annotated[str, Field(max_length=PATIENT_LENGTH)]
    body_site: str
    side: Side | None
    consent: Consent
    note: Annotated[str, Field(max_length=NOTE_LENGTH)]
    urgent: bool = False

    @field_validator("body_site")
    @classmethod
    def _known(cls, code: str) -> str:
        if code and code not in BODY_SITES:
            raise ValueError("not one of the body sites")
        return code


@router.get("/shoot")
async def show(request: Request) -> Response:
    """The viewfinder, or the review when a picture is waiting for it."""
    session = session_of(request)
    if session.still:
        return RedirectResponse("/review", 303)
    last, session.last = session.last, ""
    look = look_of(request)
    desk, shown = desk_of(request), encounter_values(session, look.language)
    return page(desk, look, "shoot", session=session, last=last, shutter_keys=desk.settings.shutter_keys, **shown)


@router.put("/encounter")
async def set_encounter(request: Request, body: EncounterFields) -> dict[str, Any]:
    """Keeps the encounter for this session."""
    desk, session = desk_of(request), session_of(request)
    session.draft = Draft(
        patient=desk.patient(body.patient) if body.patient else "",
        body_site=body.body_site,
        side=body.side,
        consent=DraftConsent(body.consent.record, body.consent.second_opinion, body.consent.teaching),
        note=body.note,
        urgent=body.urgent,
    )
    return {"missing": session.draft.missing, "patient": session.draft.patient}


@router.post("/shutter", status_code=201)
async def shutter(request: Request) -> dict[str, str]:
    """Takes a still; it is then in review."""
    desk, session = desk_of(request), session_of(request)
    async with session.turn:
        if session.still is None:
            still = await desk.camera.take()
            if session.ended.is_set():
                await desk.camera.discard(still["id"])
                raise NothingInReview
            session.still = still
            desk.counters.add(Count.STILLS)
    return {"next": "/review"}


@router.get("/status")
async def status(request: Request) -> dict[str, Any]:
    """What is wrong, how much waits, and when the screen locks. Asked by every page on its own."""
    desk = desk_of(request)
    troubles = desk.troubles(await desk.health(), look_of(request).language)
    return {
        "troubles": [{"slug": t.slug, "sentence": t.sentence, "blocks": t.blocks} for t in troubles],
        "waiting": waiting((await desk.visible(session_of(request))).entries),
        "locks_in": desk.sessions.remaining(desk.clock()),
    }


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """The live view, one message for each that the page asks for; ends with the session."""
    desk, session = desk_of(socket), session_of(socket)
    await socket.accept()
    passing = asyncio.create_task(pass_on(desk, socket), name="live")
    ending = asyncio.create_task(session.ended.wait(), name="live-ending")
    try:
        await asyncio.wait({passing, ending}, return_when=asyncio.FIRST_COMPLETED)
        code = 4401 if session.ended.is_set() else await passing
        if code:
            await socket.close(code)
    finally:
        passing.cancel()
        ending.cancel()


async def pass_on(desk: Desk, socket: WebSocket) -> int:
    """Passes the live view on until one side ends; the code to close with, 0 when the page has gone itself."""
    try:
        async with desk.camera.live() as stream:
            while True:
                await socket.send_bytes(await stream.next_message())
                desk.counters.add(Count.LIVE_FRAMES)
                await socket.receive_text()
    except WebSocketDisconnect:
        return 0
    except CaptureError as error:
        _log.info(Event.LIVE_ENDED, error=type(error).__name__)
        return 1013
