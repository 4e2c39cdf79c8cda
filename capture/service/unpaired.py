"""The camera service of a device that has no hospital yet: it shows what it sees, reads an invitation, keeps nothing.

Without a hospital there is nobody to seal for, so there is no shutter, no vault and no ledger in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capture.camera import Camera, CameraSupervisor
from capture.encoding import LIVE_QUALITY
from capture.errors import CaptureError, NoHospital
from capture.events import Event
from capture.service.answering import refuse
from capture.service.engine import Engine
from capture.service.live import LiveLoop
from capture.service.messages import camera_to_json, engine_to_json
from capture.service.parts import Deidentifies
from capture.service.scanning import CodeKind, Scanner
from capture.service.seeing import SeeingRoutes
from capture.service.wire import Json

READS: Final = frozenset({CodeKind.INVITATION})


@dataclass(frozen=True, slots=True)
class UnpairedParts:
    """The parts of it.

    Attributes:
        camera: not yet opened; from here on it belongs to the service.
        load_engine: loads the de-identifier: what is shown has been through it, here too.
        live_quality: of the JPEGs.
    """

    camera: Camera
    load_engine: Callable[[], Deidentifies]
    live_quality: int = LIVE_QUALITY


class UnpairedCameraService:
    """Three threads: the camera's, the engine's loader, the live view's."""

    def __init__(self, parts: UnpairedParts) -> None:
        self.camera = CameraSupervisor(parts.camera)
        self.engine = Engine(parts.load_engine)
        self.live = LiveLoop(self.camera, self.engine, quality=parts.live_quality)
        self.scanner = Scanner(self.camera, self.engine)

    def start(self) -> None:
        """Begin; the camera and the models may come later."""
        self.engine.start()
        self.camera.start()
        self.live.start()

    def release(self) -> None:
        """End what requests may be waiting for."""
        self.scanner.close()

    def stop(self) -> None:
        """End within about a second."""
        self.release()
        self.live.stop(0.3)
        self.camera.stop(0.3)
        self.engine.stop(0.3)
        structlog.get_logger().info(Event.SERVICE_STOPPED)

    def health(self) -> Json:
        """What works and what does not, in sentences."""
        return {
            "camera": camera_to_json(self.camera.status),
            "engine": engine_to_json(self.engine.status),
            "self_test": {"state": "pending", "sentence": NoHospital().sentence, "at_ms": 0, "failed": {}},
            "vault": {"writable": False, "sentence": NoHospital().sentence, "free_bytes": 0},
            "live_fps": self.live.frames_per_second,
            "stills_held": 0,
            "version": version("wardlens"),
        }


def create_unpaired_app(service: UnpairedCameraService) -> Starlette:
    """The application in front of `service`; what needs a hospital is refused by name. Dropping all stills is not."""
    return Starlette(
        routes=[
            *SeeingRoutes(service, READS).routes(),
            Route("/stills", _nothing_held, methods=["DELETE"]),
            Route("/{path:path}", _no_hospital, methods=["GET", "POST", "DELETE"]),
        ],
        exception_handlers={CaptureError: refuse},
    )


async def _nothing_held(_request: Request) -> Response:
    return Response(status_code=204)


async def _no_hospital(_request: Request) -> Response:
    raise NoHospital
