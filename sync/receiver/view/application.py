"""The hospital's web view: what has arrived, newest first, each picture with its record and its receipt."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException

from capture.identifiers import CaptureId, capture_id
from sync.receiver.archive import Archive, FiledCapture
from sync.receiver.errors import ArchiveUnavailable, NotFiled, NotOpened, ReceiverError
from sync.receiver.exporting import capture_record
from sync.receiver.metrics import CONTENT_TYPE, exposition
from sync.receiver.standing import status
from sync.receiver.view.alarms import add_alarm_pages
from sync.receiver.view.guard import COOKIE, Guard, Refuse, session_of
from sync.receiver.view.login import SESSION_SECONDS, LoginTokens, Sessions
from sync.receiver.view.pictures import Thumbnails, width_for
from sync.receiver.view.showing import moment, shown
from sync.receiver.view.wounds import add_wound_page

PAGE: Final = 20
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")

_pages: Final = Environment(
    loader=PackageLoader("sync.receiver.view"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def create_view(
    archive: Archive,
    *,
    site: str,
    receipt_keys: Callable[[], Mapping[str, Ed25519PublicKey]],
    tokens: LoginTokens,
    hosts: Sequence[str] = LOOPBACK,
    sessions: Sessions | None = None,
    secure: bool = False,
) -> FastAPI:
    """The view as an ASGI application. It reads the archive, and changes nothing but that alarms are settled in it.

    Args:
        archive: what is shown.
        site: the hospital's name, for the head of the page.
        receipt_keys: the published keys that receipts are checked against, each time a page is made.
        tokens: what lets somebody in.
        hosts: the names it answers to.
        sessions: who is looking; of its own where not given.
        secure: it stands behind TLS, so that its cookie never leaves it.
    """
    sessions = sessions or Sessions()
    thumbnails = Thumbnails()
    app = FastAPI(title="Wardlens", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

    def page(name: str, status_code: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(_pages.get_template(name).render(site=site, **values), status_code)

    def message(status_code: int, title: str, sentence: str) -> HTMLResponse:
        back = status_code in {404, 422, 500, 503}
        return page("message.html", status_code, title=title, sentence=sentence, back=back)

    def every(captures: Sequence[FiledCapture]) -> list[Any]:
        keys = receipt_keys()
        return [shown(filed, keys) for filed in captures]

    def facts() -> dict[str, Any]:
        now = status(archive)
        return {
            "captures": now.counts.captures,
            "devices": now.counts.devices,
            "quarantined": now.counts.quarantined,
            "alarms": len(now.alarms),
            "sealed": now.counts.sealed,
            "not_openable": now.counts.not_openable,
            "listening": bool(now.alive),
            "last": None if now.last_received_at_ms is None else moment(now.last_received_at_ms).words,
        }

    app.add_middleware(Guard, hosts=hosts, sessions=sessions, refuse=message)

    _answer_errors(app, message)

    @app.get("/login")
    def login(request: Request, token: Annotated[str, Query(max_length=128)] = "") -> Response:
        admission = tokens.redeem(token)
        if admission is None:
            if sessions.knows(session_of(request.headers)):
                return RedirectResponse("/", 303)
            return message(
                403,
                "This link has been used, or is too old",
                "Run `wardlens receiver link` on the hospital's server and open the new link.",
            )
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE, sessions.begin(admission), max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure
        )
        return answer

    @app.post("/logout")
    def logout(request: Request) -> Response:
        sessions.end(session_of(request.headers))
        answer = message(200, "Signed out", "Open a new link to see the pictures again.")
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.get("/")
    def newest(before: Annotated[int | None, Query(ge=1, lt=2**63)] = None) -> Response:
        captures = archive.newest(PAGE + 1, before=before)
        more = captures[PAGE - 1].filed if len(captures) > PAGE else None
        return page("list.html", captures=every(captures[:PAGE]), facts=facts(), before=before, more=more)

    @app.get("/captures.json")
    def news() -> Response:
        captures = archive.newest(1)
        return JSONResponse(facts() | {"newest": captures[0].filed if captures else 0})

    @app.get("/rows")
    def rows(after: Annotated[int, Query(ge=0)] = 0) -> Response:
        captures = [filed for filed in archive.newest(PAGE) if filed.filed > after]
        return page("rows.html", captures=every(captures))

    @app.get("/quarantine")
    def quarantine() -> Response:
        found = [(row, moment(row.last_at_ms)) for row in archive.in_quarantine(100)]
        return page("quarantine.html", rows=found, facts=facts())

    add_alarm_pages(app, archive, sessions, page=page, message=message, facts=facts)

    @app.get("/captures/{capture}")
    def one(capture: str) -> Response:
        return page("capture.html", it=every([find(capture)])[0], facts=facts())

    @app.get("/captures/{capture}/picture.jpg")
    def picture(capture: str, width: Annotated[int, Query(ge=1, le=100_000)] = 100_000) -> Response:
        filed, size = find(capture), width_for(width)
        if size is None:
            return Response(archive.picture(filed), media_type="image/jpeg")
        small = thumbnails.kept(filed.picture_digest, size)
        if small is None:
            small = thumbnails.make(filed.picture_digest, size, archive.picture(filed))
        return Response(small, media_type="image/jpeg")

    @app.get("/captures/{capture}/envelope.wle")
    def envelope(capture: str) -> Response:
        filed = find(capture)
        return download(archive.envelope(filed), f"{filed.capture}.wle", "application/octet-stream")

    @app.get("/captures/{capture}/receipt.json")
    def receipt(capture: str) -> Response:
        return download(find(capture).receipt, f"{capture}.receipt.json", "application/json")

    @app.get("/captures/{capture}/record.json")
    def record(capture: str) -> Response:
        filed = find(capture)
        body = json.dumps(capture_record(filed), indent=2, sort_keys=True, ensure_ascii=False).encode()
        return download(body, f"{filed.capture}.json", "application/json")

    app.add_api_route("/metrics", lambda: Response(exposition(status(archive)), media_type=CONTENT_TYPE))

    def find(capture: str) -> FiledCapture:
        return archive.capture(known(capture))

    add_wound_page(app, archive, page=page, find=find, every=every, facts=facts)
    return app


def _answer_errors(app: FastAPI, message: Refuse) -> None:
    """Whatever goes wrong in `app` is a page with a sentence."""

    @app.exception_handler(NotFiled)
    @app.exception_handler(NotOpened)
    def _not_to_see(_request: Request, error: ReceiverError) -> Response:
        return message(404, "Not here", error.sentence)

    @app.exception_handler(ArchiveUnavailable)
    def _away(_request: Request, error: ArchiveUnavailable) -> Response:
        return message(503, "The archive does not answer", error.sentence)

    @app.exception_handler(ReceiverError)
    def _failed(_request: Request, error: ReceiverError) -> Response:
        return message(500, "This could not be shown", error.sentence)

    @app.exception_handler(HTTPException)
    def _wrong(_request: Request, error: HTTPException) -> Response:
        return message(error.status_code, "Not here", "There is no such page. Go back to the list of pictures.")


def known(capture: str) -> CaptureId:
    """`capture` as a capture id.

    Raises:
        NotFiled: it is none, so nothing is filed under it.
    """
    try:
        return capture_id(capture)
    except ValueError as error:
        raise NotFiled from error


def download(body: bytes, name: str, media_type: str) -> Response:
    """A file to keep, named for the capture and nobody else."""
    return Response(body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
