"""What a person can look up: the queue, the ledger, the device."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from capture.identifiers import capture_id
from provisioning.panel.device_view import device_groups
from provisioning.panel.ledger_view import read_ledger
from provisioning.panel.pages import page, partial
from provisioning.panel.queue_view import rows
from provisioning.panel.routes import desk_of, look_of, session_of

router = APIRouter()


@router.get("/queue")
async def queue(request: Request) -> Response:
    """Every picture on its way, newest first."""
    desk, look = desk_of(request), look_of(request)
    shown = rows(look.language, await desk.entries(), desk.uplink())
    return page(desk, look, "queue", session=session_of(request), rows=shown)


@router.get("/queue/entries")
async def entries(request: Request) -> Response:
    """The list alone, for the page that keeps itself fresh."""
    desk, look = desk_of(request), look_of(request)
    return partial(look, "queue_entries", rows=rows(look.language, await desk.entries(), desk.uplink()))


@router.post("/queue/{capture}/retry")
async def retry(request: Request, capture: Annotated[str, Path(pattern="^[0-9a-f]{32}$")]) -> dict[str, str]:
    """A parked picture waits for sending again."""
    desk, session = desk_of(request), session_of(request)
    await asyncio.to_thread(desk.queue.retry, capture_id(capture))
    await desk.note("retried", {"capture": capture, "clinician": session.badge})
    return {"next": "/queue"}


@router.get("/ledger")
async def ledger(request: Request) -> Response:
    """The last events of each chain, and the chains' heads."""
    desk, look = desk_of(request), look_of(request)
    shown = await asyncio.to_thread(read_ledger, look.language, desk.settings.ledger)
    return page(desk, look, "ledger", session=session_of(request), ledger=shown)


@router.get("/device")
async def device(request: Request) -> Response:
    """What this device is and how it is."""
    desk, look = desk_of(request), look_of(request)
    said, health = look.language, await desk.health()
    return page(
        desk,
        look,
        "device",
        session=session_of(request),
        groups=device_groups(
            said,
            desk.identity.facts,
            health,
            free_bytes=desk.queue.free_bytes(),
            now=desk.wall(),
            version=desk.version,
        ),
        troubles=desk.troubles(health, said),
    )
