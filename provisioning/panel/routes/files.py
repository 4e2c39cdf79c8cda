"""Assets. Their folder is named for their content, so a browser may keep them for good."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from provisioning.panel.assets import ASSETS, EDITION

router = APIRouter()


@router.get("/assets/{edition}/{name}")
async def asset(edition: str, name: str) -> Response:
    """One asset of this edition."""
    found = ASSETS.get(name) if edition == EDITION else None
    if found is None:
        return Response(status_code=404, headers={"cache-control": "no-store"})
    return Response(found.data, media_type=found.media, headers={"cache-control": "max-age=31536000, immutable"})
