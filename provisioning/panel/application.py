"""The panel as an ASGI application: ports in, FastAPI out. Errors of the rooms become sentences here, once."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response

from capture.errors import CameraServiceRefused, CaptureError, NotInVault, TransitionRefused
from provisioning.errors import ProvisioningError
from provisioning.panel.desk import Desk, read_memory
from provisioning.panel.errors import PanelError
from provisioning.panel.events import Event
from provisioning.panel.gate import Gate
from provisioning.panel.guard import SAFE_METHODS
from provisioning.panel.known_identity import KnownIdentity
from provisioning.panel.ports import CameraPort, DeviceFacts, Pair, QueuePort, Record, UplinkView
from provisioning.panel.routes import encounter, entry, files, health, pairing, records, review, scan, screen, shoot
from provisioning.panel.sessions import Ending, Sessions
from provisioning.panel.settings import PanelSettings

WATCH_SECONDS = 0.5
IDENTITY_LOOKS = 10
"""The identity is read again every so many looks of the watch."""

_log = structlog.get_logger(__name__)


def create_panel(
    camera: CameraPort,
    queue: QueuePort,
    identity: Callable[[], DeviceFacts | None],
    pair: Pair,
    settings: PanelSettings,
    *,
    uplink: Callable[[], UplinkView | None] = lambda: None,
    record: Record = lambda _event, _facts: None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    version: str = "",
) -> FastAPI:
    """The panel's application, ready for a server.

    Args:
        camera: the camera service's client.
        queue: the vault, for the queue page.
        identity: reads the device's identity; None while the device is not paired; `partial(load_facts, state)`.
        pair: pairs the device by an invitation line, in a worker thread. Raises ProvisioningError.
        settings: where, for whom, how soon to lock.
        uplink: what the sync service last said of itself; None when nothing is known.
        record: puts an event on the panel's ledger chain.
        clock: monotonic seconds.
        wall: the time of day, UTC.
        token: a fresh secret for a session's cookie.
        version: of Wardlens, for the device page and `/healthz`.
    """
    known = KnownIdentity(identity)
    known.refresh()
    desk = Desk(
        camera=camera,
        queue=queue,
        uplink=uplink,
        identity=known,
        pair=pair,
        settings=settings,
        sessions=Sessions(lock_seconds=lambda: lock_seconds(settings, known.facts), token=token),
        clock=clock,
        wall=wall,
        record=record,
        version=version,
        tries=read_memory(settings.memory, clock()),
        discard_owed=True,
    )
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_watched, redirect_slashes=False)
    app.state.desk = desk
    for part in (entry, screen, scan, pairing, encounter, shoot, review, records, health, files):
        app.include_router(part.router)
    app.add_middleware(
        Gate,
        names=settings.names,
        sessions=desk.sessions,
        paired=lambda: known.paired,
        clock=clock,
        counters=desk.counters,
        look=settings.look,
    )
    app.add_exception_handler(PanelError, _of_panel)
    app.add_exception_handler(CaptureError, _of_capture)
    app.add_exception_handler(ProvisioningError, _of_provisioning)
    app.add_exception_handler(RequestValidationError, _of_validation)
    return app


def lock_seconds(settings: PanelSettings, facts: DeviceFacts | None) -> float:
    """The shorter of what the device's settings and the site's policy say."""
    return min(settings.lock_seconds, facts.lock_seconds) if facts else settings.lock_seconds


@asynccontextmanager
async def _watched(app: FastAPI) -> AsyncIterator[None]:
    """Runs the watch beside the server; at the end nobody stays signed in and no still stays held."""
    desk: Desk = app.state.desk
    watch = asyncio.create_task(_watch(desk), name="watch")
    try:
        yield
    finally:
        watch.cancel()
        await desk.end_session(Ending.STOPPED)
        await desk.camera.close()


async def _watch(desk: Desk) -> None:
    looks = 0
    while True:
        try:
            await desk.watch()
            if looks % IDENTITY_LOOKS == 0:
                await asyncio.to_thread(desk.identity.refresh)
        except Exception as error:  # noqa: BLE001 - the supervisor: a screen that no longer locks is worse
            _log.error(Event.WATCH_CRASHED, error=type(error).__name__)
        looks += 1
        await asyncio.sleep(WATCH_SECONDS)


def _refused(request: Request, status: int, slug: str, sentence: str, **more: Any) -> Response:
    if request.method in SAFE_METHODS and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/", 303)
    said = request.state.look.language
    return JSONResponse({"error": slug, "sentence": said.heard(sentence), **more}, status)


async def _of_panel(request: Request, error: Exception) -> Response:
    assert isinstance(error, PanelError)
    wait: Mapping[str, Any] = {"wait": error.wait_seconds} if hasattr(error, "wait_seconds") else {}
    return _refused(request, error.status, error.slug, error.sentence, **wait)


async def _of_capture(request: Request, error: Exception) -> Response:
    assert isinstance(error, CaptureError)
    if isinstance(error, NotInVault | TransitionRefused):
        return _refused(request, 409, "queue", error.sentence)
    if not isinstance(error, CameraServiceRefused):
        return _refused(request, 503, "not-available", error.sentence)
    return _refused(
        request, error.status, error.error, error.sentence, unanswered=error.unanswered, hiding=error.hiding
    )


async def _of_provisioning(request: Request, error: Exception) -> Response:
    return _refused(request, 503, "provisioning", str(error))


async def _of_validation(request: Request, _error: Exception) -> Response:
    # FastAPI's own answer repeats what was sent, a PIN included.
    return _refused(request, 422, "not-understood", "That was not understood. Check what you typed and try again.")
