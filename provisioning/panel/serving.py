"""Runs the panel: uvicorn with everything off that the panel does not need."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import structlog
import uvicorn
from fastapi import FastAPI

from capture.private_files import exposed_file
from provisioning.panel.errors import PanelUnsafe
from provisioning.panel.events import Event
from provisioning.panel.settings import PanelSettings

STOP_SECONDS = 2
ALIVE_SECONDS = 1

_log = structlog.get_logger(__name__)


def _server(app: FastAPI, settings: PanelSettings, alive: Callable[[], None]) -> uvicorn.Server:
    async def turned() -> None:
        alive()

    if settings.tls and (exposed := exposed_file(settings.tls.key)):
        raise PanelUnsafe(exposed)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=4096,  # the page only ever says "next"
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=32 * 1024,
        limit_concurrency=64,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_SECONDS,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        ssl_certfile=settings.tls.certificate if settings.tls else None,
        ssl_keyfile=settings.tls.key if settings.tls else None,
        callback_notify=turned,
        timeout_notify=ALIVE_SECONDS,
    )
    return _Server(config)


def run_panel(
    app: FastAPI, settings: PanelSettings, stop: threading.Event, alive: Callable[[], None] = lambda: None
) -> None:
    """Serves the panel until `stop` is set; then ends within two seconds. Signals are the composition root's.

    `alive` is called about once a second for as long as requests can be answered.

    Raises:
        OSError: the address is taken, or is not this machine's.
        PanelUnsafe: others can read its TLS key.
    """
    asyncio.run(serve_panel(app, settings, stop, alive))


async def serve_panel(
    app: FastAPI, settings: PanelSettings, stop: threading.Event, alive: Callable[[], None] = lambda: None
) -> None:
    """The same on a running event loop."""
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, settings.port), family=family) as bound:  # uvicorn would end the process instead
        server = _server(app, settings, alive)
        loop, ended = asyncio.get_running_loop(), threading.Event()

        def watch() -> None:
            stop.wait()
            if not ended.is_set():
                loop.call_soon_threadsafe(setattr, server, "should_exit", True)

        threading.Thread(target=watch, name="panel-stop", daemon=True).start()
        _log.info(Event.LISTENING, host=settings.host, port=bound.getsockname()[1], tls=settings.tls is not None)
        try:
            await server.serve([bound])
        finally:
            ended.set()
            _log.info(Event.STOPPED)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
