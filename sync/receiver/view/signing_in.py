"""The ways in: a link that IT printed, or the hospital's identity provider; and the way out."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request
from fastapi.responses import RedirectResponse, Response

from sync.receiver.errors import NotSignedIn
from sync.receiver.view.guard import COOKIE, Refuse, cookie_of, session_of
from sync.receiver.view.login import SESSION_SECONDS, Admission, LoginTokens, Sessions
from sync.receiver.view.provider import Errand, Provider
from sync.receiver.view.roles import first_page

ERRAND_COOKIE: Final = "wardlens-errand"
ERRAND_SECONDS: Final = 600
MOST_ERRANDS: Final = 256
_OUR_PAGE: Final = re.compile(r"(/[A-Za-z0-9._-]+)+|/")


class Errands:
    """The sign-ins that are under way, each good for one answer of the provider to the browser that asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, tuple[float, Errand, str]] = {}
        self._lock = threading.Lock()

    def begin(self, page: str) -> Errand:
        """A new one, for somebody who wants to see this page."""
        errand = Errand(*(secrets.token_urlsafe(32) for _ in range(3)))
        with self._lock:
            now = self._clock()
            self._open = {state: one for state, one in self._open.items() if one[0] > now}
            while len(self._open) >= MOST_ERRANDS:
                self._open.pop(next(iter(self._open)))
            self._open[errand.state] = (now + ERRAND_SECONDS, errand, page)
        return errand

    def end(self, state: str, browser: str) -> tuple[Errand, str]:
        """The errand with this state, and the page that was wanted; it is over.

        Raises:
            NotSignedIn: there is none, it is too old, or another browser began it.
        """
        with self._lock:
            until, errand, page = self._open.pop(state, (0.0, None, ""))
        if errand is None or until <= self._clock() or not secrets.compare_digest(browser.encode(), state.encode()):
            raise NotSignedIn("This answer belongs to no sign-in that was begun here. Begin again.")
        return errand, page


def add_ways_in(
    app: FastAPI,
    sessions: Sessions,
    tokens: LoginTokens,
    provider: Provider | None,
    *,
    page: Callable[..., Response],
    message: Refuse,
    secure: bool,
) -> None:
    """Give `app` its ways in and its way out.

    Args:
        app: the view.
        sessions: who is here.
        tokens: what links are good for.
        provider: the hospital's identity provider, if it has one.
        page: makes a page of a template's name and values.
        message: makes the page for a status, a title and a sentence.
        secure: the view stands behind TLS, so that its cookies never leave it.
    """
    errands = Errands()

    def let_in(answer: Response, admission: Admission) -> Response:
        answer.set_cookie(
            COOKIE, sessions.begin(admission), max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure
        )
        return answer

    @app.get("/login")
    def login(request: Request, token: Annotated[str, Query(max_length=128)] = "") -> Response:
        admission = tokens.redeem(token)
        if admission is not None:
            return let_in(RedirectResponse(first_page(admission.rights), 303), admission)
        here = sessions.admission(session_of(request.headers))
        if here is not None:
            return RedirectResponse(first_page(here.rights), 303)
        return message(
            403,
            "This link has been used, or is too old",
            "Run `wardlens receiver link` on the hospital's server and open the new link.",
        )

    @app.post("/logout")
    def logout(request: Request) -> Response:
        sessions.end(session_of(request.headers))
        answer = message(200, "Signed out", "Sign in again to see the pictures.")
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.get("/sign-in")
    def sign_in(to: Annotated[str, Query(max_length=200)] = "/") -> Response:
        if provider is None:
            return message(404, "No identity provider", "This hospital signs in by links: `wardlens receiver link`.")
        errand = errands.begin(to if _OUR_PAGE.fullmatch(to) else "/")
        answer = RedirectResponse(provider.way_there(errand), 303)
        # Lax: the provider's page sends the browser back, and a strict cookie would not come along.
        answer.set_cookie(
            ERRAND_COOKIE, errand.state, max_age=ERRAND_SECONDS, path="/signed-in", httponly=True, samesite="lax",
            secure=secure,
        )  # fmt: skip
        return answer

    @app.get("/signed-in")
    def signed_in(
        request: Request,
        state: Annotated[str, Query(max_length=128)] = "",
        code: Annotated[str, Query(max_length=4096)] = "",
    ) -> Response:
        if provider is None:
            return message(404, "No identity provider", "This hospital signs in by links: `wardlens receiver link`.")
        errand, wanted = errands.end(state, cookie_of(request.headers, ERRAND_COOKIE))
        if not code:
            raise NotSignedIn("You were not signed in at the identity provider. Begin again.")
        admission = provider.admission(errand, code)
        # A page of our own, which goes on by itself: a redirect would still come from the provider's page, and the
        # browser would keep the strict cookie back.
        answer = let_in(page("signed-in.html", to=wanted, who=admission.name), admission)
        answer.delete_cookie(ERRAND_COOKIE, path="/signed-in", httponly=True, samesite="lax", secure=secure)
        return answer
