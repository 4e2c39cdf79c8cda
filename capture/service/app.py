"""The camera service's HTTP face. It translates and decides nothing; every error is a slug and a sentence."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from capture.crashes import foreseen
from capture.encoding import encode_jpeg
from capture.errors import (
    CameraFailed,
    CaptureError,
    CodesDiffer,
    CodeUnseen,
    EngineNotReady,
    FeaturesForbidden,
    LedgerError,
    RequestWrong,
    ScanBusy,
    ScanStopped,
    SelfTestFailed,
    SelfTestPending,
    StillDropped,
    StillsFull,
    StillUnanswered,
    StillUnknown,
    VaultError,
    VaultFull,
)
from capture.events import Event
from capture.service.camera_service import CameraService
from capture.service.live import LiveMoment
from capture.service.messages import (
    camera_to_json,
    decisions_of,
    encounter_of,
    engine_to_json,
    region_to_json,
    scan_kind_of,
    self_test_to_json,
    still_to_json,
)
from capture.service.wire import live_message

T = TypeVar("T")

MOST_REQUEST_BYTES: Final = 256 * 1024
SELF_TEST_S: Final = 60.0
"""How long a test of the device may take."""
LIVE_IDLE_S: Final = 1.0
"""How long a reader of the live view waits for a new moment before it hears how things stand."""

ANSWERS: Final[Mapping[type[CaptureError], tuple[int, str]]] = MappingProxyType(
    {
        RequestWrong: (400, "request_wrong"),
        StillUnknown: (404, "still_unknown"),
        StillDropped: (409, "still_dropped"),
        StillsFull: (409, "stills_full"),
        FeaturesForbidden: (403, "features_forbidden"),
        CodeUnseen: (404, "code_unseen"),
        CodesDiffer: (409, "codes_differ"),
        ScanBusy: (409, "scan_busy"),
        ScanStopped: (409, "scan_stopped"),
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
        body["unanswered"] = list(error.kinds)
    return status, body


def create_app(service: CameraService) -> Starlette:
    """The application in front of `service`."""
    routes = _Routes(service)
    return Starlette(
        routes=[
            Route("/health", routes.health, methods=["GET"]),
            Route("/self-test", routes.self_test, methods=["POST"]),
            WebSocketRoute("/live", routes.live),
            Route("/scan", routes.scan, methods=["POST"]),
            Route("/scan", routes.stop_scan, methods=["DELETE"]),
            Route("/stills", routes.take, methods=["POST"]),
            Route("/stills", routes.discard_all, methods=["DELETE"]),
            Route("/stills/{id}.jpg", routes.picture, methods=["GET"]),
            Route("/stills/{id}", routes.still, methods=["GET"]),
            Route("/stills/{id}", routes.discard, methods=["DELETE"]),
            Route("/stills/{id}/decisions", routes.decide, methods=["POST"]),
            Route("/stills/{id}/accept", routes.accept, methods=["POST"]),
        ],
        exception_handlers={CaptureError: _refuse},
    )


async def _refuse(_request: Request, error: Exception) -> Response:
    status, body = answer_to(cast("CaptureError", error))
    structlog.get_logger().info(Event.STILL_REFUSED, error=body["error"])
    return JSONResponse(body, status)


class _Routes:
    def __init__(self, service: CameraService) -> None:
        self._service = service

    async def health(self, _request: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(self._service.health))

    async def self_test(self, _request: Request) -> Response:
        result = await asyncio.to_thread(self._service.self_test.now, SELF_TEST_S)
        return JSONResponse(self_test_to_json(result))

    async def take(self, _request: Request) -> Response:
        ticket = self._service.shelf.room()
        still = await self._work(lambda: self._service.shutter.take(ticket))
        return JSONResponse(still_to_json(still), 201)

    async def scan(self, request: Request) -> Response:
        kind = scan_kind_of(await _body(request))
        code = await asyncio.to_thread(foreseen, partial(self._service.scanner.scan, kind), "scan")
        said = {"symbology": code.symbology, "text": code.text}
        return JSONResponse(said, headers={"cache-control": "no-store"})

    async def stop_scan(self, _request: Request) -> Response:
        self._service.scanner.stop()
        return Response(status_code=204)

    async def still(self, request: Request) -> Response:
        return JSONResponse(still_to_json(self._service.shelf.get(request.path_params["id"])))

    async def picture(self, request: Request) -> Response:
        photo = self._service.shelf.get(request.path_params["id"]).photo
        width = _width(request.query_params.get("width"))
        quality = self._service.parts.still_quality
        encode = partial(encode_jpeg, photo, quality=quality, width=width)
        jpeg = await asyncio.to_thread(foreseen, encode, "request")
        return Response(jpeg.data, media_type="image/jpeg", headers={"cache-control": "no-store"})

    async def decide(self, request: Request) -> Response:
        decisions = decisions_of(await _body(request), self._service.parts.wall_ms())
        still = await self._work(lambda: self._service.shutter.decide(request.path_params["id"], decisions))
        return JSONResponse(still_to_json(still))

    async def accept(self, request: Request) -> Response:
        capture = request.path_params["id"]
        kept = self._service.keeper.kept(capture)
        if kept is None:
            still = self._service.shelf.get(capture)
            encounter = encounter_of(await _body(request))
            kept = await self._work(lambda: self._service.keeper.keep(still, encounter))
            self._service.shelf.discard(capture)
        said = {
            "capture": kept.capture,
            "digest": kept.digest,
            "bytes": kept.length,
            "counter": kept.counter,
            "milliseconds": dict(kept.milliseconds),
        }
        return JSONResponse(said, 201)

    async def discard(self, request: Request) -> Response:
        return await self._discarded(self._service.shelf.discard(request.path_params["id"]))

    async def discard_all(self, _request: Request) -> Response:
        return await self._discarded(self._service.shelf.discard_all())

    async def _discarded(self, count: int) -> Response:
        if count:
            structlog.get_logger().info(Event.STILL_DISCARDED, count=count)
            await asyncio.to_thread(self._service.keeper.discarded, count)
        return Response(status_code=204)

    async def live(self, socket: WebSocket) -> None:
        await socket.accept()
        sequence = 0
        try:
            while True:
                moment = await self._service.live.feed.after(sequence, LIVE_IDLE_S)
                sequence = sequence if moment is None else moment.sequence
                await socket.send_bytes(self._say(sequence, moment))
                await socket.receive_text()
        except WebSocketDisconnect:
            return

    def _say(self, sequence: int, moment: LiveMoment | None) -> bytes:
        service = self._service
        facts = {
            "sequence": sequence,
            "age_ms": 0 if moment is None else round((time.monotonic_ns() - moment.monotonic_ns) / 1e6, 1),
            "width": 0 if moment is None else moment.jpeg.width,
            "height": 0 if moment is None else moment.jpeg.height,
            "fps": service.live.frames_per_second,
            "regions": [] if moment is None else [region_to_json(region) for region in moment.regions],
            "camera": camera_to_json(service.camera.status),
            "engine": engine_to_json(service.engine.status),
        }
        return live_message(facts, b"" if moment is None else moment.jpeg.data)

    async def _work(self, work: Callable[[], T]) -> T:
        """The result of `work` on the shutter's thread; a client that goes away meanwhile does not undo it."""
        return await asyncio.shield(asyncio.wrap_future(self._service.worker.submit(work)))


def _width(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 65_535:
        raise RequestWrong("A picture's width is a number of pixels from 1 to 65535.")
    return int(text)


async def _body(request: Request) -> object:
    """The request's JSON, of a bounded size."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_REQUEST_BYTES:
            raise RequestWrong("The request is too long.")
    try:
        return json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise RequestWrong("The request is not JSON.") from None
