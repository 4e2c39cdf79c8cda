"""A link of a known rate before the broker: a relay that lets so many bytes a second through to it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from firmware.demo.place import HOST

_PART: Final = 16 * 1024
_BUFFER: Final = 64 * 1024
"""Of each socket, so that a sender soon feels how slow the link is."""


@contextmanager
def slow_link(near: int, far: int, rate: float) -> Iterator[None]:
    """Who connects to port `near` reaches `far`, with `rate` bytes a second on the way there, and no limit back."""
    with socket.create_server((HOST, near)) as server:
        thread = threading.Thread(target=_accept, args=(server, far, rate), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(server: socket.socket, far: int, rate: float) -> None:
    passages = list[threading.Thread]()
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            passages.append(threading.Thread(target=_connect, args=(client, far, rate), daemon=True))
            passages[-1].start()
    for passage in passages:
        passage.join()


def _connect(client: socket.socket, far: int, rate: float) -> None:
    with client, socket.create_connection((HOST, far)) as broker:
        for one in (client, broker):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        back = threading.Thread(target=_relay, args=(broker, client, None), daemon=True)
        back.start()
        _relay(client, broker, rate)
        back.join()


def _relay(source: socket.socket, target: socket.socket, rate: float | None) -> None:
    free_at = time.monotonic()
    with suppress(OSError):
        while part := source.recv(_PART):
            if rate is not None:
                free_at = max(free_at, time.monotonic()) + len(part) / rate
                time.sleep(max(0.0, free_at - time.monotonic()))
            target.sendall(part)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
