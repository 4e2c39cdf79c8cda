"""Pairing: hold the invitation to the camera or paste its line, compare six digits, done."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import Response
from pydantic import Field

from provisioning.errors import InvitationRefused
from provisioning.invitation import parse_invitation
from provisioning.panel.counters import Count
from provisioning.panel.desk import Desk
from provisioning.panel.device_view import self_test_said
from provisioning.panel.errors import CodeRefused, SignInLocked
from provisioning.panel.pages import page
from provisioning.panel.pairing_attempt import Step
from provisioning.panel.routes import Body, desk_of, look_of
from provisioning.panel.routes.scan import code_in_view, told
from provisioning.panel.routes.shoot import pass_on

router = APIRouter()


class Invitation(Body):
    """The line that IT's screen shows."""

    line: Annotated[str, Field(min_length=1, max_length=400)]


@router.get("/pairing")
async def show(request: Request) -> Response:
    """The only page of an unpaired device."""
    desk = desk_of(request)
    return page(desk, look_of(request), "pairing", pairing=desk.pairing.now)


@router.post("/pairing", status_code=202)
async def begin(request: Request, body: Invitation) -> dict[str, str]:
    """Starts pairing by this line; the page then asks for progress."""
    desk = desk_of(request)
    await _begin(desk, "".join(body.line.split()))
    return {"step": desk.pairing.now.step.value}


@router.post("/pairing/scan")
async def scan(request: Request) -> dict[str, str]:
    """Starts pairing by the invitation that is held to the camera; waits a few seconds for one.

    Its line stays in this process: the page hears only that it was read.
    """
    desk = desk_of(request)
    _check_tries(desk)
    line, sentence = await code_in_view(request, "invitation", _line)
    if line:
        await _begin(desk, line)
    return told(request, "invitation" if line else "", sentence)


@router.post("/pairing/stop")
async def stop(request: Request) -> Response:
    """Nobody waits for an invitation any more."""
    await desk_of(request).camera.stop_scan()
    return Response(status_code=204)


@router.websocket("/pairing/live")
async def live(socket: WebSocket) -> None:
    """What the camera sees, de-identified, so that a person can hold an invitation into it."""
    await socket.accept()
    if code := await pass_on(desk_of(socket), socket):
        await socket.close(code)


@router.get("/pairing/progress")
async def progress(request: Request) -> dict[str, Any]:
    """Where the pairing stands. Without a session, because nobody can have one yet."""
    desk, said = desk_of(request), look_of(request).language
    pairing = desk.pairing.now
    answer = {"step": pairing.step.value, "digits": pairing.digits, "sentence": said.heard(pairing.sentence)}
    if pairing.step is Step.PAIRED and (facts := desk.identity.facts):
        tested, sentence = self_test_said(said, await desk.health())
        device = {"name": facts.name or facts.device, "hospital": facts.site_name, "self-test": sentence}
        return {**answer, "device": device, "tested": tested}
    return answer


def _line(text: str) -> str:
    """The invitation's line that a code says, whole; what it is worth shows when pairing begins."""
    try:
        return parse_invitation(text).line
    except InvitationRefused as refused:
        raise CodeRefused(str(refused)) from None


def _check_tries(desk: Desk) -> None:
    if (wait := desk.pairing_tries.wait("", desk.clock())) > 0:
        raise SignInLocked(wait)


async def _begin(desk: Desk, line: str) -> None:
    _check_tries(desk)
    desk.pairing.start(line)
    desk.pairing_tries = desk.pairing_tries.wrong("", desk.clock(), known=False)
    desk.counters.add(Count.PAIRINGS_STARTED)
    await desk.note("pairing-started", {})
