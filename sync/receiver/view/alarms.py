"""The page of open alarms, and the one form of the view: why an alarm is settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from sync.receiver.alarms import LONGEST_SAID, fits_on_record, sentence
from sync.receiver.archive import Archive
from sync.receiver.view.guard import Refuse, session_of
from sync.receiver.view.login import Sessions
from sync.receiver.view.roles import Right
from sync.receiver.view.showing import moment

LONGEST_FORM: Final = 16 * 1024
"""Bytes: more than the longest reason, each character of it escaped."""


async def short_body(request: Request) -> bytes:
    """What the request carries.

    Raises:
        HTTPException: it is longer than a form of ours.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            raise HTTPException(413)
    return body


def reason_in(form: bytes) -> str:
    """The reason that an `application/x-www-form-urlencoded` form gives, trimmed; empty where it gives none, or two."""
    try:
        given = parse_qs(form.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=1).get("reason", [])
    except ValueError:
        return ""
    return given[0].strip() if len(given) == 1 else ""


def add_alarm_pages(
    app: FastAPI,
    archive: Archive,
    sessions: Sessions,
    *,
    page: Callable[..., Response],
    message: Refuse,
    facts: Callable[[Request], Mapping[str, Any]],
) -> None:
    """Give `app` the page of alarms, and to those whose role it is the form that settles one with a reason.

    Args:
        app: the view.
        archive: where the alarms are.
        sessions: who is looking, and as whom he settles.
        page: makes a page of a template's name and values.
        message: makes the page for a status, a title and a sentence.
        facts: how it stands, for the head of the page.
    """

    def settler(request: Request) -> str:
        admission = sessions.admission(session_of(request.headers))
        return admission.on_record if admission is not None and Right.SETTLE in admission.rights else ""

    @app.get("/alarms")
    def alarms(request: Request) -> Response:
        found = [(one, moment(one.first_at_ms), moment(one.last_at_ms), sentence(one)) for one in archive.alarms()]
        return page(
            "alarms.html", alarms=found, facts=facts(request), settles_as=settler(request), longest=LONGEST_SAID
        )

    @app.post("/alarms/{number}/settle")
    def settle(request: Request, number: int, form: Annotated[bytes, Depends(short_body)]) -> Response:
        who, why = settler(request), reason_in(form)
        if not fits_on_record(why):
            return message(
                422, "No reason was given", f"Say what it was and what was done, in at most {LONGEST_SAID} characters."
            )
        if not (0 < number < 2**63 and archive.settle(number, by=who, reason=why)):
            return message(404, "Not open", "There is no such open alarm. Somebody may have settled it a moment ago.")
        return RedirectResponse("/alarms", 303)
