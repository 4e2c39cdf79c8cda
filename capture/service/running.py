"""The camera service on its socket, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket as sockets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import structlog
import uvicorn
from starlette.applications import Starlette

from capture.errors import CaptureError
from capture.events import Event
from capture.service.app import create_app
from capture.service.camera_service import CameraService
from capture.service.parts import CameraServiceParts
from capture.service.unpaired import UnpairedCameraService, UnpairedParts, create_unpaired_app

_SOCKET_MODE: Final = 0o660
_GRACE_S: Final = 1
_ALIVE_S: Final = 1
_BACKLOG: Final = 64
_LONGEST_PATH: Final = 107
"""sun_path holds 108 bytes with the closing zero: unix(7)."""


def run_camera_service(
    parts: CameraServiceParts, socket: Path, stop: threading.Event, alive: Callable[[], None] = lambda: None
) -> None:
    """Serve on the unix socket `socket` (0660) until `stop` is set; then end within two seconds and leave no socket.

    A socket that a killed service left behind is replaced. Signals are the composition root's: it sets `stop`.
    `alive` is called about once a second for as long as requests can be answered.

    Raises:
        CameraHung: the camera hangs in a call that ends with this process alone; `stop` is set. Start anew.
        CaptureError: another camera service answers on that socket, or it cannot be made.
    """
    with _listening(socket) as listener:
        service = CameraService(parts, given_up=stop.set)
        _serve(service, create_app(service), listener, stop, alive)
    if service.camera.hopeless is not None:
        raise service.camera.hopeless


def run_unpaired_camera_service(
    parts: UnpairedParts, socket: Path, stop: threading.Event, alive: Callable[[], None] = lambda: None
) -> None:
    """The same for a device that has no hospital yet; it takes no picture.

    Raises:
        CaptureError: another camera service answers on that socket, or it cannot be made.
    """
    with _listening(socket) as listener:
        service = UnpairedCameraService(parts)
        _serve(service, create_unpaired_app(service), listener, stop, alive)


class _Service(Protocol):
    def start(self) -> None: ...

    def release(self) -> None: ...

    def stop(self) -> None: ...


def _serve(
    service: _Service, app: Starlette, listener: sockets.socket, stop: threading.Event, alive: Callable[[], None]
) -> None:
    service.start()
    try:
        asyncio.run(_served(service, app, listener, stop, alive))
    finally:
        service.stop()


async def _served(
    service: _Service, app: Starlette, listener: sockets.socket, stop: threading.Event, alive: Callable[[], None]
) -> None:
    async def turned() -> None:
        alive()

    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
            date_header=False,
            callback_notify=turned,
            timeout_notify=_ALIVE_S,
        )
    )
    loop = asyncio.get_running_loop()
    ended = threading.Event()

    def watch() -> None:
        stop.wait()
        if not ended.is_set():
            service.release()  # the loop ends no sooner than the threads that answer its requests
            loop.call_soon_threadsafe(setattr, server, "should_exit", True)

    threading.Thread(target=watch, name="stop-watch", daemon=True).start()
    structlog.get_logger().info(Event.SERVICE_LISTENING)
    try:
        await server.serve(sockets=[listener])
    finally:
        ended.set()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: who stops this service is the composition root's decision."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[sockets.socket]:
    """A listening socket at `path`, gone afterwards."""
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise CaptureError(
            f"The camera service cannot listen at {path}: a socket's path has at most {_LONGEST_PATH} bytes. "
            "Choose a shorter folder for `runtime`."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(path)
        listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        before = os.umask(0o777 & ~_SOCKET_MODE)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(_BACKLOG)
    except OSError as failed:
        raise CaptureError(
            f"The camera service cannot listen at {path} ({failed.strerror}). Check its folder."
        ) from None
    try:
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


def _remove_dead(path: Path) -> None:
    """Remove a socket that nobody answers on.

    Raises:
        CaptureError: somebody does.
    """
    if not path.is_socket():
        return
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise CaptureError(f"Another camera service already runs at {path}. Stop it first.")
