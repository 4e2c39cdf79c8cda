"""The way in and out: the first page, sign-in, lock, and the sign that somebody is there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import Field

from provisioning.panel.guard import COOKIE
from provisioning.panel.look import Look
from provisioning.panel.pages import page
from provisioning.panel.routes import Body, desk_of, look_of
from provisioning.panel.routes.screen import keep_look, look_of_nobody
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
    look, gone = look_of(request), COOKIE in request.cookies
    if gone:
        look = look_of_nobody(look, desk.settings.look)
    notice = [look.language.say(said) for said in desk.lock_notice]
    if desk.identity.facts is None:
        notice.append(look.language.heard(desk.identity.sentence))
    shown = page(desk, look, "sign_in", notice=" ".join(notice))
    if gone:
        _forget(shown, look)
    return shown


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
    desk = desk_of(request)
    await desk.end_session(Ending.LOCKED_BY_HAND)
    answer = JSONResponse({"next": "/"})
    _forget(answer, look_of_nobody(look_of(request), desk.settings.look))
    return answer


@router.post("/active")
async def active(request: Request) -> dict[str, float]:
    """Somebody touched the screen. The gate has noted it already."""
    desk = desk_of(request)
    return {"locks_in": desk.sessions.remaining(desk.clock())}


def _forget(answer: Response, look: Look) -> None:
    """Takes the session's cookie from the browser; the screen is then as for the next person."""
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    keep_look(answer, look)
