"""The camera service's HTTP face. It translates and decides nothing; every error is a slug and a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from capture.crashes import foreseen
from capture.encoding import encode_jpeg
from capture.errors import CaptureError, RequestWrong
from capture.events import Event
from capture.service.answering import json_body, refuse
from capture.service.camera_service import CameraService
from capture.service.messages import decisions_of, encounter_of, self_test_to_json, still_to_json
from capture.service.seeing import SeeingRoutes

T = TypeVar("T")

SELF_TEST_S: Final = 60.0
"""How long a test of the device may take."""
_DIGITS: Final = 9
_WIDTH_WRONG: Final = "A picture's width is a number of pixels from 1 to 65535."


def create_app(service: CameraService) -> Starlette:
    """The application in front of `service`."""
    routes = _Routes(service)
    return Starlette(
        routes=[
            *SeeingRoutes(service).routes(),
            Route("/self-test", routes.self_test, methods=["POST"]),
            Route("/stills", routes.take, methods=["POST"]),
            Route("/stills", routes.discard_all, methods=["DELETE"]),
            Route("/stills/{id}.jpg", routes.picture, methods=["GET"]),
            Route("/stills/{id}", routes.still, methods=["GET"]),
            Route("/stills/{id}", routes.discard, methods=["DELETE"]),
            Route("/stills/{id}/decisions", routes.decide, methods=["POST"]),
            Route("/stills/{id}/accept", routes.accept, methods=["POST"]),
        ],
        exception_handlers={CaptureError: refuse},
    )


class _Routes:
    def __init__(self, service: CameraService) -> None:
        self._service = service

    async def self_test(self, _request: Request) -> Response:
        result = await asyncio.to_thread(self._service.self_test.now, SELF_TEST_S)
        return JSONResponse(self_test_to_json(result))

    async def take(self, _request: Request) -> Response:
        ticket = self._service.shelf.room()
        still = await self._work(lambda: self._service.shutter.take(ticket))
        return JSONResponse(still_to_json(still), 201)

    async def still(self, request: Request) -> Response:
        return JSONResponse(still_to_json(self._service.shelf.get(request.path_params["id"])))

    async def picture(self, request: Request) -> Response:
        photo = self._service.shelf.get(request.path_params["id"]).photo
        width = _number(request, "width", range(1, 65_536), _WIDTH_WRONG)
        quality = self._service.parts.still_quality
        encode = partial(encode_jpeg, photo, quality=quality, width=width)
        jpeg = await asyncio.to_thread(foreseen, encode, "request")
        return Response(jpeg.data, media_type="image/jpeg", headers={"cache-control": "no-store"})

    async def decide(self, request: Request) -> Response:
        decisions = decisions_of(await json_body(request), self._service.parts.wall_ms())
        after = _number(request, "after", range(10**_DIGITS), "How many decisions there were is a number.")
        still = await self._work(lambda: self._service.shutter.decide(request.path_params["id"], decisions, after))
        return JSONResponse(still_to_json(still))

    async def accept(self, request: Request) -> Response:
        encounter = encounter_of(await json_body(request))
        kept = await self._work(lambda: self._service.accept(request.path_params["id"], encounter))
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

    async def _work(self, work: Callable[[], T]) -> T:
        """The result of `work` on the shutter's thread; a client that goes away meanwhile does not undo it."""
        return await asyncio.shield(asyncio.wrap_future(self._service.worker.submit(work)))


def _number(request: Request, name: str, allowed: range, wrong: str) -> int | None:
    """What the request's query says under `name`; None where it says nothing."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS or int(text) not in allowed:
        raise RequestWrong(wrong)
    return int(text)
