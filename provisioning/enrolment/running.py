"""The enrolment server, running: uvicorn, TLS 1.3 only, until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from capture.private_files import exposed_file
from provisioning.enrolment.server import create_enrolment_app
from provisioning.errors import KeyExposed, NotAccepted, SiteDamaged
from provisioning.site import Site
from provisioning.site_layout import ENROLMENT

MAX_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class RunningEnrolment:
    """A server that answers."""

    host: str
    port: int


def run_enrolment(
    site: Site, host: str, port: int, *, on_ready: Callable[[RunningEnrolment], None] | None = None
) -> None:
    """Serves enrolment for `site` until SIGINT or SIGTERM.

    Raises:
        KeyExposed, SiteDamaged: its certificate and key cannot be used.
        NotAccepted: the address cannot be listened on.
    """
    server = _server(create_enrolment_app(site), server_context(site))
    with _listening(host, port) as listener:
        if on_ready:
            on_ready(_where(listener))
        # uvicorn ends in order at SIGINT and then raises it once more, for whoever else wants to know.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


@contextmanager
def serving_enrolment(site: Site, host: str = "127.0.0.1", port: int = 0) -> Iterator[RunningEnrolment]:
    """A server for `site` in a thread of its own, for as long as the block lasts; port 0 takes a free one.

    Raises:
        KeyExposed, SiteDamaged: its certificate and key cannot be used.
        NotAccepted: the address cannot be listened on.
    """
    context = server_context(site)
    with serving(create_enrolment_app(site), context, host, port) as running:
        yield running


@contextmanager
def serving(app: Starlette, context: ssl.SSLContext, host: str, port: int) -> Iterator[RunningEnrolment]:
    """`app` over TLS in a thread of its own, for as long as the block lasts.

    Raises:
        NotAccepted: the address cannot be listened on.
    """
    with _listening(host, port) as listener:
        server = _server(app, context)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), name="enrolment", daemon=True
        )
        thread.start()
        try:
            yield _where(listener)
        finally:
            server.should_exit = True
            thread.join()


class _Server(uvicorn.Server):
    """Ends the connections that a device keeps open while it waits for IT, instead of leaving them to the collector."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            transport: asyncio.Transport = connection.transport
            transport.abort()
        await asyncio.sleep(0)


def _server(app: Starlette, context: ssl.SSLContext) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=1,
        ssl_context_factory=lambda _config, _default: context,
    )
    return _Server(config)


def server_context(site: Site) -> ssl.SSLContext:
    """TLS 1.3 with the site's enrolment certificate.

    Raises:
        KeyExposed: others can read its key.
        SiteDamaged: certificate and key do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    files = site.tls(ENROLMENT)
    try:
        if exposed := exposed_file(files.key):
            raise KeyExposed(exposed)
        context.load_cert_chain(files.certificate, files.key)
    except (ssl.SSLError, FileNotFoundError) as error:
        raise SiteDamaged(
            f"{files.certificate} and {files.key} do not belong together, or one of them cannot be read. "
            "Run `wardlens site renew`, then start the server again."
        ) from error
    return context


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    # Listening before anything is shown: a device that reads the invitation at once finds somebody there.
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise NotAccepted(f"The enrolment server cannot listen on {host}:{port}: {error.strerror or error}.") from error
    with listener:
        yield listener


def _where(listener: socket.socket) -> RunningEnrolment:
    host, port, *_ = listener.getsockname()
    return RunningEnrolment(host, port)
