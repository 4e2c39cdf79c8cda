"""How the camera service answers errors, and reads what it is asked: the same whether it has a hospital or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, cast

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from capture.errors import (
    CameraFailed,
    CaptureError,
    CodesDiffer,
    CodeUnseen,
    EngineNotReady,
    FeaturesForbidden,
    LedgerError,
    NoHospital,
    RequestWrong,
    ScanBusy,
    ScanStopped,
    SelfTestFailed,
    SelfTestPending,
    StillChanged,
    StillDropped,
    StillsFull,
    StillStored,
    StillUnanswered,
    StillUnknown,
    VaultError,
    VaultFull,
)
from capture.events import Event

MOST_REQUEST_BYTES: Final = 256 * 1024
SCAN: Final = "/scan"

ANSWERS: Final[Mapping[type[CaptureError], tuple[int, str]]] = MappingProxyType(
    {
        RequestWrong: (400, "request_wrong"),
        StillUnknown: (404, "still_unknown"),
        StillDropped: (409, "still_dropped"),
        StillsFull: (409, "stills_full"),
        StillStored: (409, "still_stored"),
        StillChanged: (409, "still_changed"),
        FeaturesForbidden: (403, "features_forbidden"),
        CodeUnseen: (404, "code_unseen"),
        CodesDiffer: (409, "codes_differ"),
        ScanBusy: (409, "scan_busy"),
        ScanStopped: (409, "scan_stopped"),
        NoHospital: (409, "no_hospital"),
        StillUnanswered: (409, "unanswered"),
        CameraFailed: (503, "camera_not_ready"),
        EngineNotReady: (503, "engine_not_ready"),
        SelfTestPending: (503, "self_test_pending"),
        SelfTestFailed: (503, "self_test_failed"),
        VaultFull: (507, "vault_full"),
        VaultError: (503, "vault_unusable"),
        LedgerError: (503, "ledger_unusable"),
        CaptureError: (500, "failed"),
    }
)
"""What each family of errors is answered with; the first that fits, most exact first."""


def answer_to(error: CaptureError) -> tuple[int, dict[str, Any]]:
    """HTTP status and body for `error`."""
    status, slug = next(answer for family, answer in ANSWERS.items() if isinstance(error, family))
    body: dict[str, Any] = {"error": slug, "sentence": error.sentence}
    if isinstance(error, StillUnanswered):
        body |= {"unanswered": list(error.kinds), "hiding": list(error.hiding)}
    return status, body


async def refuse(request: Request, error: Exception) -> Response:
    """The answer to an error of ours, as Starlette asks for it."""
    status, body = answer_to(cast("CaptureError", error))
    if request.url.path != SCAN:  # a screen that waits for a badge asks again and again
        structlog.get_logger().info(Event.STILL_REFUSED, error=body["error"])
    return JSONResponse(body, status)


async def json_body(request: Request) -> object:
    """The request's JSON, of a bounded size.

    Raises:
        RequestWrong: too long, or no JSON.
    """
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_REQUEST_BYTES:
            raise RequestWrong("The request is too long.")
    try:
        return json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise RequestWrong("The request is not JSON.") from None
