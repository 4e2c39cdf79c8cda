"""Pairing: paste the invitation line, compare six digits, done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from provisioning.panel.counters import Count
from provisioning.panel.errors import SignInLocked
from provisioning.panel.pages import page
from provisioning.panel.routes import Body, desk_of, look_of

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
    if (wait := desk.pairing_tries.wait("", desk.clock())) > 0:
        raise SignInLocked(wait)
    desk.pairing.start("".join(body.line.split()))
    desk.pairing_tries = desk.pairing_tries.wrong("", desk.clock(), known=False)
    desk.counters.add(Count.PAIRINGS_STARTED)
    await desk.note("pairing-started", {})
    return {"step": desk.pairing.now.step.value}


@router.get("/pairing/progress")
async def progress(request: Request) -> dict[str, str]:
    """Where the pairing stands. Without a session, because nobody can have one yet."""
    pairing = desk_of(request).pairing.now
    return {
        "step": pairing.step.value,
        "digits": pairing.digits,
        "sentence": look_of(request).language.heard(pairing.sentence),
    }
