"""The shell around the guard: reads a request's facts, bounds its body, answers a refusal, adds the headers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provisioning.panel.counters import Count, Counters
from provisioning.panel.events import Event
from provisioning.panel.guard import (
    BODY_LIMIT,
    COOKIE,
    HEADERS,
    NO_STORE,
    OPEN_FOLDER,
    QUIET_PATHS,
    SAFE_METHODS,
    Asked,
    Refusal,
    refusal,
)
from provisioning.panel.look import LOOK_COOKIE, Look, parse_look
from provisioning.panel.sessions import Sessions

BODY_SECONDS = 10.0

_log = structlog.get_logger(__name__)
_LENGTH: Final = re.compile(r"[0-9]{1,19}", re.ASCII)


class Gate:
    """ASGI middleware: nothing reaches a route that the guard refuses.

    A route finds the session in `request.state.session` (None on open paths for a stranger), and how the person wants
    the screen in `request.state.look`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        names: frozenset[str],
        sessions: Sessions,
        paired: Callable[[], bool],
        clock: Callable[[], float],
        counters: Counters,
        look: Look,
    ) -> None:
        self._app = app
        self._names = names
        self._sessions = sessions
        self._paired = paired
        self._clock = clock
        self._counters = counters
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        session = self._sessions.find(cookie(headers, COOKIE), self._clock())
        look = parse_look(cookie(headers, LOOK_COOKIE), self._look)
        asked = _asked(scope, headers)
        why = refusal(asked, names=self._names, paired=self._paired(), signed_in=session is not None)
        if why:
            self._counters.add(Count.REQUESTS_REFUSED)
            _log.info(Event.REQUEST_REFUSED, why=why.slug)
            await self._refuse(why, asked, look, send)
            return
        scope.setdefault("state", {}).update(session=session, look=look)
        if session and asked.path not in QUIET_PATHS:
            self._sessions.touch(self._clock())
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        with_headers = _with_headers(send, keep=asked.path.startswith(OPEN_FOLDER))
        try:
            body = await _body(receive) if asked.method not in SAFE_METHODS else b""
        except TimeoutError:
            await self._refuse(Refusal.TOO_SLOW, asked, look, send)
            return
        if body is None:
            await self._refuse(Refusal.TOO_LARGE, asked, look, send)
            return
        await self._app(scope, _replayed(body, receive), with_headers)

    @staticmethod
    async def _refuse(why: Refusal, asked: Asked, look: Look, send: Send) -> None:
        if asked.method == "WEBSOCKET":
            await send({"type": "websocket.close", "code": 4401 if why is Refusal.SESSION else 1008})
            return
        to_start = why in {Refusal.SESSION, Refusal.UNPAIRED, Refusal.PAIRED}
        if to_start and asked.method in SAFE_METHODS and asked.path not in QUIET_PATHS:
            # A person's browser, not a program: lead it to the page that is right now.
            await _answer(send, 303, b"", (b"location", b"/"))
            return
        body = json.dumps({"error": why.slug, "sentence": look.language.heard(why.sentence)}).encode()
        await _answer(send, why.status, body, (b"content-type", b"application/json"))


def cookie(headers: Headers, name: str) -> str:
    """The value of this cookie in the Cookie header; empty without one."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _asked(scope: Scope, headers: Headers) -> Asked:
    length = headers.get("content-length")
    websocket = scope["type"] == "websocket"
    return Asked(
        method="WEBSOCKET" if websocket else scope["method"].upper(),
        path=scope["path"],
        scheme="https" if scope["scheme"] in {"https", "wss"} else "http",
        hosts=headers.getlist("host"),
        origins=headers.getlist("origin"),
        custom=headers.get("x-wardlens", ""),
        media=headers.get("content-type", ""),
        length=None if length is None else int(length) if _LENGTH.fullmatch(length) else -1,
        fetch_site=headers.get("sec-fetch-site", ""),
    )


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when it is more than the panel takes. Raises TimeoutError when it trickles."""
    body = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return bytes(body)
            body += message.get("body", b"")
            if len(body) > BODY_LIMIT:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_headers(send: Send, *, keep: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = HEADERS if keep else (*HEADERS, NO_STORE)
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, body: bytes, header: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [header, length, *HEADERS, NO_STORE]})
    await send({"type": "http.response.body", "body": body})
