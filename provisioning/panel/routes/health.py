"""What machines ask: is it alive, and what has it counted. No secret, nothing about a person."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from provisioning.panel.counters import CONTENT_TYPE
from provisioning.panel.queue_view import waiting
from provisioning.panel.routes import desk_of, look_of

router = APIRouter()


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """200 while pictures can be taken, 503 with the kinds of trouble while not."""
    desk = desk_of(request)
    health = await desk.health()
    troubles = desk.troubles(health, look_of(request).language)
    blocked = any(trouble.blocks for trouble in troubles)
    answer: dict[str, Any] = {
        "status": "unavailable" if blocked else "ok",
        "paired": desk.identity.paired,
        "troubles": [trouble.slug for trouble in troubles],
        "version": desk.version,
    }
    return JSONResponse(answer, 503 if blocked else 200)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Counters and gauges for a scraper on this machine, or for one that has the token."""
    desk = desk_of(request)
    if not _may_scrape(request, desk.settings.metrics_token):
        return Response(status_code=403)
    gauges = {
        "wardlens_panel_waiting": float(waiting(await desk.entries())),
        "wardlens_panel_signed_in": float(desk.sessions.current is not None),
        "wardlens_panel_paired": float(desk.identity.paired),
    }
    return Response(desk.counters.exposition(gauges), media_type=CONTENT_TYPE)


def _may_scrape(request: Request, token: str) -> bool:
    given = request.headers.get("authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
