"""What stands before every page: our own name, somebody whose role it is for, and headers that say the rules."""

from __future__ import annotations

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Final, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync.receiver.view.login import Sessions
from sync.receiver.view.roles import OPEN_FOLDER, first_page, is_known, is_open, may

COOKIE: Final = "wardlens-hospital"

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not "no-referrer": browsers then send "null" as the origin of our own forms (Fetch, 3.2), and those are refused.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Refuse(Protocol):
    """Makes the page for a status, a title and a sentence."""

    def __call__(self, status_code: int, title: str, sentence: str, *, to: str = "/") -> Response:
        """The page; `to` is where somebody goes on who signs in from it."""


class Guard:
    """ASGI middleware around the whole view.

    Args:
        app: the view.
        hosts: names this server answers to, without port.
        sessions: who is looking.
        refuse: makes the page that says why not.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], sessions: Sessions, refuse: Refuse) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._sessions = sessions
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, let through or refused, with the headers either way."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        path: str = scope["path"]
        answer = self._refusal(scope["method"], path, headers) or self._app
        await answer(scope, receive, _with_headers(send, lasting=path.startswith(OPEN_FOLDER)))

    def _refusal(self, method: str, path: str, headers: Headers) -> Response | None:
        if _host(headers) not in self._hosts:
            return self._refuse(421, "Wrong address", "This server does not answer to that name. Use its own address.")
        if is_open(path):
            return None
        admission = self._sessions.admission(session_of(headers))
        if admission is None:
            return self._refuse(
                401,
                "Sign in first",
                "This page is for people with a name here. IT prints a link by `wardlens receiver link`.",
                to=path,
            )
        if method not in {"GET", "HEAD"} and not _same_origin(headers):
            return self._refuse(403, "Not from here", "This request came from another page. Go back and try again.")
        if not is_known(path):
            return self._refuse(404, "Not here", "There is no such page. Go back to the list of pictures.")
        if not may(admission.rights, path):
            if method == "GET" and path == "/":
                return RedirectResponse(first_page(admission.rights), 303)
            return self._refuse(
                403,
                "Not for your role",
                f"You are here as {' and '.join(sorted(admission.roles))}, and this page is for others.",
            )
        return None


def session_of(headers: Headers) -> str:
    """The session's secret that the browser sent, or nothing."""
    return cookie_of(headers, COOKIE)


def cookie_of(headers: Headers, name: str) -> str:
    """What the browser sent under this name, or nothing."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if cookie is None else cookie.value


def _host(headers: Headers) -> str:
    host = headers.get("host", "").lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _same_origin(headers: Headers) -> bool:
    origin = headers.get("origin", "")
    return bool(origin) and origin.partition("://")[2].lower() == headers.get("host", "").lower()


def _with_headers(send: Send, *, lasting: bool) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            # A shared workstation keeps nothing of a patient; only style sheets and scripts may stay for a while.
            headers["Cache-Control"] = "private, max-age=300" if lasting else "no-store"
        await send(message)

    return sending
