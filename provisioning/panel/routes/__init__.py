"""One file for each page and what its buttons do. A route reads, asks the desk or a port, and shows; no more."""

from __future__ import annotations

from typing import cast

from fastapi import Request, WebSocket
from pydantic import BaseModel, ConfigDict

from provisioning.panel.desk import Desk
from provisioning.panel.look import Look
from provisioning.panel.sessions import Session


class Body(BaseModel):
    """What a page sends: JSON with these fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def desk_of(request: Request | WebSocket) -> Desk:
    """The desk of this application."""
    return cast("Desk", request.app.state.desk)


def look_of(request: Request) -> Look:
    """How the person before the screen wants it; the gate has read it."""
    look = request.state.look
    assert isinstance(look, Look)
    return look


def session_of(request: Request | WebSocket) -> Session:
    """Who asks. Only for routes behind the guard, where there always is one."""
    session = request.state.session
    assert isinstance(session, Session)
    return session
