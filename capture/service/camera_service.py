"""The camera service: its parts put together, started and stopped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Final

import structlog

from capture.camera import CameraState, CameraSupervisor
from capture.encounter import Encounter
from capture.errors import LedgerError, StillDropped
from capture.events import Event
from capture.service.engine import Engine
from capture.service.keeping import Keeper, Kept
from capture.service.live import LiveLoop
from capture.service.messages import camera_to_json, engine_to_json, self_test_to_json
from capture.service.parts import CameraServiceParts
from capture.service.scanning import Scanner
from capture.service.self_test import CAMERA, Check, SelfTest, SelfTested, looks_at
from capture.service.shutter import Shutter
from capture.service.stills import Shelf
from capture.service.wire import Json
from capture.service.worker import Worker

VERSION = version("wardlens")
ENGINE: Final = "engine"
DISK: Final = "disk"


class CameraService:
    """Everything behind the socket. Four threads: the camera's, the engine's loader, the live view's, the shutter's.

    `given_up` is called when the camera hangs so that only the end of this process frees it.
    """

    def __init__(self, parts: CameraServiceParts, given_up: Callable[[], None] = lambda: None) -> None:
        self.parts = parts
        self.camera = CameraSupervisor(parts.camera, beat=parts.beat, given_up=given_up)
        self.shelf = Shelf()
        self.worker = Worker()
        self.keeper = Keeper(
            parts.vault,
            parts.ledger,
            parts.sealing_context,
            quality=parts.still_quality,
            software=VERSION,
            camera=parts.camera.name,
        )
        self.engine = Engine(parts.load_engine, failed=partial(self.keeper.self_tested, (ENGINE,), 0))
        self.self_test = SelfTest(
            self._checks(), self.engine.ready, told=self._tested, wall_ms=parts.wall_ms, elsewhere=(CAMERA, DISK)
        )
        self.live = LiveLoop(self.camera, self.engine, quality=parts.live_quality)
        self.scanner = Scanner(self.camera, self.engine)
        self.shutter = Shutter(
            self.camera,
            self.engine,
            self.shelf,
            wall_ms=parts.wall_ms,
            new_capture=parts.new_capture,
            may_show_features=parts.may_show_features,
            overridden=self.keeper.overridden,
            permit=self.self_test.require,
        )

    def start(self) -> None:
        """Begin; the camera and the models may come later."""
        self.worker.start()
        self.worker.submit(self.keeper.catch_up)
        self.engine.start()
        self.camera.start()
        self.self_test.start()
        self.live.start()

    def release(self) -> None:
        """End what requests may be waiting for."""
        self.self_test.stop(0.0)
        self.scanner.close()

    def stop(self) -> None:
        """End within about two seconds; the stills in review are forgotten."""
        self.release()
        self.live.stop(0.3)
        self.worker.stop(0.6)
        self.camera.stop(0.3)
        self.engine.stop(0.3)
        self.shelf.discard_all()
        self.keeper.stopped()
        structlog.get_logger().info(Event.SERVICE_STOPPED)

    def accept(self, capture: str, encounter: Encounter) -> Kept:
        """The still in review, sealed, stored and on the ledger; asked twice, it is stored once. For the worker.

        A screen that locks meanwhile comes too late: what is being kept is in review no more.

        Raises:
            StillUnknown: it is not in review.
            StillUnanswered, FeaturesForbidden, VaultError: it was not kept; it is in review again, unless all were
                discarded meanwhile.
            StillStored, LedgerError: it is stored (:meth:`Keeper.settled`).
        """
        known = self.keeper.settled(capture, encounter)
        if known is not None:
            return known
        still, ticket = self.shelf.lift(capture)
        try:
            return self.keeper.keep(still, encounter)
        except LedgerError:
            raise
        except BaseException:
            try:
                self.shelf.add(still, ticket)
            except StillDropped:
                self.keeper.discarded(1)
            raise

    def health(self) -> Json:
        """What works and what does not, in sentences."""
        return {
            "camera": camera_to_json(self.camera.status),
            "engine": engine_to_json(self.engine.status),
            "self_test": self_test_to_json(self.self_test.last),
            "vault": self._vault(),
            "live_fps": self.live.frames_per_second,
            "stills_held": len(self.shelf),
            "version": VERSION,
        }

    def _checks(self) -> dict[str, Check]:
        """Everything that the test looks at, what needs a picture first."""
        drawn = self.parts.phantom
        seen = looks_at(drawn, self.engine.still, self.keeper.prove_sealing) if drawn else {}
        return {**seen, CAMERA: self._camera_wrong, DISK: self._disk_wrong, **self.parts.checks}

    def _camera_wrong(self) -> str:
        status = self.camera.status
        return "" if status.state in (CameraState.READY, CameraState.STARTING) else status.sentence

    def _disk_wrong(self) -> str:
        vault = self._vault()
        return "" if vault["writable"] else str(vault["sentence"])

    def _tested(self, result: SelfTested) -> None:
        self.keeper.self_tested(result.failed, len(self.engine.status.models))
        self.parts.self_tested(result, self.engine.status.models)

    def _vault(self) -> Json:
        condition = self.parts.vault.condition()
        return {
            "writable": condition.writable,
            "sentence": condition.sentence,
            "free_bytes": condition.free_bytes,
        }
