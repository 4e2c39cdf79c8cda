"""The way in and out: the first page, sign-in, lock, and the sign that somebody is there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import Field

from provisioning.panel.guard import COOKIE
from provisioning.panel.pages import page
from provisioning.panel.routes import Body, desk_of
from provisioning.panel.sessions import Ending

router = APIRouter()


class SignIn(Body):
    """A badge and its PIN."""

    badge: Annotated[str, Field(min_length=1, max_length=64)]
    pin: Annotated[str, Field(min_length=1, max_length=16)]


@router.get("/")
async def start(request: Request) -> Response:
    """Where a person begins: pairing, sign-in, or the viewfinder."""
    desk = desk_of(request)
    if not desk.identity.paired:
        return RedirectResponse("/pairing", 303)
    if request.state.session:
        return RedirectResponse("/shoot", 303)
    await desk.watch()  # a session whose time is up ends now, so that the page can say so
    return page(desk, "sign_in", notice=desk.lock_notice)


@router.post("/sign-in")
async def sign_in(request: Request, body: SignIn) -> Response:
    """Opens a session for a badge and its PIN."""
    token = await desk_of(request).sign_in(body.badge, body.pin)
    answer = JSONResponse({"next": "/shoot"})
    answer.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="strict")
    return answer


@router.post("/lock")
async def lock(request: Request) -> Response:
    """Ends the session; pictures not accepted are discarded."""
    await desk_of(request).end_session(Ending.LOCKED_BY_HAND)
    answer = JSONResponse({"next": "/"})
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return answer


@router.post("/active")
async def active(request: Request) -> dict[str, float]:
    """Somebody touched the screen. The gate has noted it already."""
    desk = desk_of(request)
    return {"locks_in": desk.sessions.remaining(desk.clock())}
