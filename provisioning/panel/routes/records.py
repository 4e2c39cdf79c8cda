"""What a person can look up: the queue, the ledger, the device."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from capture.identifiers import capture_id
from provisioning.panel.device_view import device_groups
from provisioning.panel.ledger_view import read_ledger
from provisioning.panel.pages import page, partial
from provisioning.panel.queue_view import ALL_OF_THE_DEVICE, rows
from provisioning.panel.routes import desk_of, look_of, session_of

router = APIRouter()


@router.get("/queue")
async def queue(request: Request) -> Response:
    """What this person sees of the pictures on their way, newest first."""
    desk, look = desk_of(request), look_of(request)
    return page(desk, look, "queue", session=session_of(request), **await _queue(request))


@router.get("/queue/entries")
async def entries(request: Request) -> Response:
    """The list alone, for the page that keeps itself fresh."""
    return partial(look_of(request), "queue_entries", **await _queue(request))


async def _queue(request: Request) -> dict[str, Any]:
    desk, session, said = desk_of(request), session_of(request), look_of(request).language
    facts, of_all = desk.identity.facts, session.role in ALL_OF_THE_DEVICE
    seen = await desk.visible(session)

    def by(capture: str) -> str:
        badge = desk.takers.taker(capture)
        return (facts.called(badge) if facts and badge else badge) or badge or said.say("queue.nobody")

    shown = rows(
        said,
        seen.entries,
        desk.uplink(),
        hospital=facts.site_name if facts else "",
        by=by if of_all else lambda _capture: "",
    )
    return {"rows": shown, "others": seen.others, "of_all": of_all}


@router.post("/queue/{capture}/retry")
async def retry(request: Request, capture: Annotated[str, Path(pattern="^[0-9a-f]{32}$")]) -> dict[str, str]:
    """A parked picture waits for sending again."""
    await desk_of(request).retry(session_of(request), capture_id(capture))
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
