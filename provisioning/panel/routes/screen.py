"""How the person wants the screen: language, hand, light, sound. One touch, before and after sign-in."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field, field_validator

from provisioning.panel.languages import LANGUAGES
from provisioning.panel.look import LOOK_COOKIE, Hand, Light, Look, Sound
from provisioning.panel.routes import Body, look_of

router = APIRouter()


class Wanted(Body):
    """What should change; the rest stays."""

    language: str | None = Field(default=None, max_length=16)
    hand: Hand | None = None
    light: Light | None = None
    sound: Sound | None = None

    @field_validator("language")
    @classmethod
    def _known(cls, code: str | None) -> str | None:
        if code is not None and code not in LANGUAGES:
            raise ValueError("not one of the languages")
        return code


@router.post("/look")
async def choose(request: Request, body: Wanted) -> Response:
    """Keeps it in the browser for the session."""
    look = look_of(request)
    chosen = Look(
        body.language or look.code, body.hand or look.hand, body.light or look.light, body.sound or look.sound
    )
    answer = JSONResponse({"language": chosen.code, "hand": chosen.hand, "light": chosen.light, "sound": chosen.sound})
    keep_look(answer, chosen)
    return answer


def keep_look(answer: Response, look: Look) -> None:
    """Puts it into the browser's cookie."""
    answer.set_cookie(LOOK_COOKIE, look.cookie, path="/", secure=True, httponly=True, samesite="strict")


def look_of_nobody(look: Look, default: Look) -> Look:
    """How the screen is once a person has gone: language and hand were theirs, light and sound are the room's."""
    return replace(default, light=look.light, sound=look.sound)
