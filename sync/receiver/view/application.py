"""The hospital's web view: what has arrived, newest first, each picture with its record and its receipt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException

from sync.receiver.archive import Archive, FiledCapture
from sync.receiver.errors import ArchiveUnavailable, NotFiled, NotOpened, NotSignedIn, ProviderAway, ReceiverError
from sync.receiver.fleet import Enrolled, Release, fleet_of
from sync.receiver.metrics import CONTENT_TYPE, exposition
from sync.receiver.standing import status
from sync.receiver.view.alarms import add_alarm_pages
from sync.receiver.view.captures import add_capture_pages
from sync.receiver.view.devices import add_device_page
from sync.receiver.view.guard import Guard, Refuse, session_of
from sync.receiver.view.login import LoginTokens, Sessions
from sync.receiver.view.looking import Looking, Seen, add_look_page
from sync.receiver.view.provider import Provider
from sync.receiver.view.roles import Right
from sync.receiver.view.showing import PAGE, moment, paged, shown
from sync.receiver.view.signing_in import add_ways_in
from sync.receiver.view.wounds import add_wound_page

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
    hosts: Sequence[str] = (),
    sessions: Sessions | None = None,
    secure: bool = False,
    provider: Provider | None = None,
    enrolled: Callable[[], Sequence[Enrolled]] | None = None,
    release: Release | None = None,
    first_end: Callable[[], datetime | None] = lambda: None,
) -> FastAPI:
    """The view as an ASGI application. It reads the archive, and writes who looked and which alarms are settled.

    Args:
        archive: what is shown.
        site: the hospital's name, for the head of the page.
        receipt_keys: the published keys that receipts are checked against, each time a page is made.
        tokens: what lets somebody in.
        hosts: the names it answers to, beside this machine's own.
        sessions: who is looking; of its own where not given.
        secure: it stands behind TLS, so that its cookies never leave it.
        provider: the hospital's identity provider, where people sign in there.
        enrolled: the site's devices; without it, every device that was ever heard of.
        release: what this hospital's Wardlens is, to compare the devices' with.
        first_end: when the first of the site's own certificates ends, asked each time.
    """
    sessions = sessions or Sessions()
    looking = Looking(archive, sessions)
    app = FastAPI(title="Wardlens", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")

    def page(name: str, status_code: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(_pages.get_template(name).render(site=site, **values), status_code)

    def message(status_code: int, title: str, sentence: str, *, to: str = "/") -> HTMLResponse:
        back = status_code in {404, 422, 500, 503}
        sign_in = provider.settings.title if provider is not None and status_code in {200, 401, 403} else ""
        return page("message.html", status_code, title=title, sentence=sentence, back=back, sign_in=sign_in, to=to)

    def every(captures: Sequence[FiledCapture]) -> list[Any]:
        keys = receipt_keys()
        return [shown(filed, keys) for filed in captures]

    def facts(request: Request) -> dict[str, Any]:
        now, admission = status(archive), sessions.admission(session_of(request.headers))
        rights = frozenset() if admission is None else admission.rights
        alarmed = Right.ALARMS in rights
        return {
            "rights": rights,
            "captures": now.counts.captures,
            "devices": now.counts.devices,
            "quarantined": now.counts.quarantined if alarmed else 0,
            "alarms": len(now.alarms) if alarmed else 0,
            "sealed": now.counts.sealed,
            "not_openable": now.counts.not_openable,
            "listening": bool(now.alive),
            "last": None if now.last_received_at_ms is None else moment(now.last_received_at_ms).words,
        }

    app.add_middleware(Guard, hosts=(*LOOPBACK, *hosts), sessions=sessions, refuse=message)

    _answer_errors(app, message)

    add_ways_in(app, sessions, tokens, provider, page=page, message=message, secure=secure)

    @app.get("/")
    def newest(request: Request, before: Annotated[int | None, Query(ge=1, lt=2**63)] = None) -> Response:
        captures, more = paged(archive.newest(PAGE + 1, before=before))
        looking.at(request, Seen.LISTED, (filed.capture for filed in captures))
        return page("list.html", captures=every(captures), facts=facts(request), before=before, more=more)

    @app.get("/captures.json")
    def news(request: Request) -> Response:
        captures = archive.newest(1)
        said = {name: fact for name, fact in facts(request).items() if name != "rights"}
        return JSONResponse(said | {"newest": captures[0].filed if captures else 0})

    @app.get("/rows")
    def rows(request: Request, after: Annotated[int, Query(ge=0)] = 0) -> Response:
        captures = [filed for filed in archive.newest(PAGE) if filed.filed > after]
        looking.at(request, Seen.LISTED, (filed.capture for filed in captures))
        return page("rows.html", captures=every(captures), facts=facts(request))

    @app.get("/quarantine")
    def quarantine(request: Request) -> Response:
        found = [(row, moment(row.last_at_ms)) for row in archive.in_quarantine(100)]
        return page("quarantine.html", rows=found, facts=facts(request))

    fleet = partial(fleet_of, archive, enrolled, release)
    add_device_page(app, fleet, page=page, facts=facts)
    add_alarm_pages(app, archive, sessions, page=page, message=message, facts=facts)
    add_look_page(app, archive, page=page, facts=facts)

    add_capture_pages(app, archive, looking, every=every, page=page, facts=facts)
    add_wound_page(app, archive, looking, every=every, page=page, facts=facts)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(exposition(status(archive), fleet(), first_end()), media_type=CONTENT_TYPE)

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

    @app.exception_handler(NotSignedIn)
    def _not_signed_in(_request: Request, error: NotSignedIn) -> Response:
        return message(403, "Not signed in", error.sentence)

    @app.exception_handler(ProviderAway)
    def _provider_away(_request: Request, error: ProviderAway) -> Response:
        return message(502, "The identity provider does not answer", error.sentence)

    @app.exception_handler(ReceiverError)
    def _failed(_request: Request, error: ReceiverError) -> Response:
        return message(500, "This could not be shown", error.sentence)

    @app.exception_handler(HTTPException)
    def _wrong(_request: Request, error: HTTPException) -> Response:
        return message(error.status_code, "Not here", "There is no such page. Go back to the list of pictures.")
