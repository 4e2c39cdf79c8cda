"""What the camera service shows before anybody takes a picture: health, live view, codes held to the camera.

It does so with a hospital or without one; a device that waits to be paired reads its invitation this way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from functools import partial
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from capture.camera import CameraSupervisor
from capture.crashes import foreseen
from capture.errors import NoHospital
from capture.service.answering import SCAN, json_body
from capture.service.engine import Engine
from capture.service.live import LiveLoop, LiveMoment
from capture.service.messages import camera_to_json, engine_to_json, region_to_json, scan_kind_of
from capture.service.scanning import CodeKind, Scanner
from capture.service.wire import Json, live_message

LIVE_IDLE_S: Final = 1.0
"""How long a reader of the live view waits for a new moment before it hears how things stand."""


class Sees(Protocol):
    """The parts of a service that these routes show."""

    camera: CameraSupervisor
    engine: Engine
    live: LiveLoop
    scanner: Scanner

    def health(self) -> Json:
        """What works and what does not, in sentences."""
        ...


class SeeingRoutes:
    """The routes over `sees`; a code of another kind than `kinds` waits for a hospital."""

    def __init__(self, sees: Sees, kinds: Collection[CodeKind] = frozenset(CodeKind)) -> None:
        self._sees = sees
        self._kinds = frozenset(kinds)

    def routes(self) -> list[BaseRoute]:
        """For Starlette."""
        return [
            Route("/health", self.health, methods=["GET"]),
            WebSocketRoute("/live", self.live),
            Route(SCAN, self.scan, methods=["POST"]),
            Route(SCAN, self.stop_scan, methods=["DELETE"]),
        ]

    async def health(self, _request: Request) -> Response:
        """How the device is."""
        return JSONResponse(await asyncio.to_thread(self._sees.health))

    async def scan(self, request: Request) -> Response:
        """The code that is held to the camera."""
        kind = scan_kind_of(await json_body(request))
        if kind not in self._kinds:
            raise NoHospital
        code = await asyncio.to_thread(foreseen, partial(self._sees.scanner.scan, kind), "scan")
        said = {"symbology": code.symbology, "text": code.text}
        return JSONResponse(said, headers={"cache-control": "no-store"})

    async def stop_scan(self, _request: Request) -> Response:
        """Nobody waits for a code any more."""
        self._sees.scanner.stop()
        return Response(status_code=204)

    async def live(self, socket: WebSocket) -> None:
        """One moment for each message that comes."""
        await socket.accept()
        sequence = 0
        try:
            while True:
                moment = await self._sees.live.feed.after(sequence, LIVE_IDLE_S)
                sequence = sequence if moment is None else moment.sequence
                await socket.send_bytes(self._say(sequence, moment))
                await socket.receive_text()
        except WebSocketDisconnect:
            return

    def _say(self, sequence: int, moment: LiveMoment | None) -> bytes:
        sees = self._sees
        facts = {
            "sequence": sequence,
            "age_ms": 0 if moment is None else round((time.monotonic_ns() - moment.monotonic_ns) / 1e6, 1),
            "width": 0 if moment is None else moment.jpeg.width,
            "height": 0 if moment is None else moment.jpeg.height,
            "fps": sees.live.frames_per_second,
            "regions": [] if moment is None else [region_to_json(region) for region in moment.regions],
            "advice": None if moment is None else moment.advice,
            "camera": camera_to_json(sees.camera.status),
            "engine": engine_to_json(sees.engine.status),
        }
        return live_message(facts, b"" if moment is None else moment.jpeg.data)
