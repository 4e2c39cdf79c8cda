"""The view on a port, until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from capture.private_files import exposed_file
from sync.receiver.errors import ViewNotStarted

END_SECONDS: Final = 1.0


@contextlib.contextmanager
def view_served(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """The view answers at the address this gives, as long as the block lasts.

    Args:
        app: from :func:`create_view`.
        host: where to listen; loopback unless IT says otherwise.
        port: which port; any free one for 0.
        tls: certificate chain and key, for hosts beyond this machine.

    Raises:
        ViewNotStarted: the address cannot be listened at, or others can read the key.
    """
    if tls is not None and (exposed := exposed_file(tls[1])):
        raise ViewNotStarted(exposed)
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise ViewNotStarted(
            f"The hospital's view cannot listen at {host}:{port} ({os.strerror(error.errno or 0)}). "
            "Choose another port."
        ) from error
    # No access log: a path names a capture, and a link holds its token.
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        ssl_certfile=None if tls is None else tls[0],
        ssl_keyfile=None if tls is None else tls[1],
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="hospital-view", daemon=True)
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(END_SECONDS)
        listener.close()
