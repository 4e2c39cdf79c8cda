"""The viewfinder: live view, shutter, and the status that every page asks for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import structlog
from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import RedirectResponse, Response

from capture.errors import CaptureError
from provisioning.panel.counters import Count
from provisioning.panel.desk import Desk
from provisioning.panel.errors import NothingInReview
from provisioning.panel.events import Event
from provisioning.panel.pages import page
from provisioning.panel.queue_view import waiting
from provisioning.panel.routes import desk_of, look_of, session_of
from provisioning.panel.routes.encounter import encounter_values
from provisioning.panel.troubles import Trouble

router = APIRouter()

_log = structlog.get_logger(__name__)


@router.get("/shoot")
async def show(request: Request) -> Response:
    """The viewfinder, or the review when a picture is waiting for it."""
    session = session_of(request)
    if session.still:
        return RedirectResponse("/review", 303)
    last, session.last = session.last, ""
    look = look_of(request)
    desk = desk_of(request)
    shown = encounter_values(desk, session, look.language)
    return page(desk, look, "shoot", session=session, last=last, shutter_keys=desk.settings.shutter_keys, **shown)


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
    desk, said = desk_of(request), look_of(request).language
    troubles = desk.troubles(await desk.health(), said)
    number = 0
    try:
        number = waiting((await desk.visible(session_of(request))).entries)
    except CaptureError as error:
        # Whatever else is wrong is said too, but nothing is worse: a vault that cannot be read keeps no picture.
        troubles = (Trouble("queue", said.heard(error.sentence), blocks=True), *troubles)
    return {
        "troubles": [{"slug": t.slug, "sentence": t.sentence, "blocks": t.blocks} for t in troubles],
        "waiting": number,
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
            with suppress(WebSocketDisconnect):  # the page may have gone in the same moment
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
