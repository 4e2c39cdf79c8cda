"""What somebody holds to the camera: a badge by whoever wants in, a wristband by whoever is signed in.

Nothing read is the usual answer of a page that waits for a code, and no error: it comes with a sentence where a person
should know why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from capture.errors import CameraServiceAway, CameraServiceRefused
from provisioning.panel.errors import CodeRefused
from provisioning.panel.routes import desk_of, look_of

_SILENT: Final = frozenset({"code_unseen", "scan_stopped"})

router = APIRouter()


@router.post("/scan/badge")
async def badge(request: Request) -> dict[str, str]:
    """The badge that is held to the camera, as the roster names it; waits a few seconds for one."""
    return told(request, *await code_in_view(request, "badge", desk_of(request).badge))


@router.post("/scan/wristband")
async def wristband(request: Request) -> dict[str, str]:
    """The patient's reference on the wristband that is held to the camera; waits a few seconds for one."""
    return told(request, *await code_in_view(request, "wristband", desk_of(request).patient))


@router.post("/scan/stop")
async def stop(request: Request) -> Response:
    """Nobody waits for a code any more."""
    await desk_of(request).camera.stop_scan()
    return Response(status_code=204)


async def code_in_view(request: Request, kind: str, of: Callable[[str], str]) -> tuple[str, str]:
    """What the code of this kind in view says, and a sentence in its place where a person should know why not.

    `of` makes of its text what is meant, or raises CodeRefused.
    """
    try:
        return of(str((await desk_of(request).camera.scan(kind))["text"])), ""
    except CameraServiceRefused as refused:
        return "", "" if refused.error in _SILENT else refused.sentence
    except (CameraServiceAway, CodeRefused) as wrong:
        return "", wrong.sentence


def told(request: Request, read: str, sentence: str) -> dict[str, str]:
    """Both for the page, in its language."""
    return {"read": read, "sentence": look_of(request).language.heard(sentence) if sentence else ""}
