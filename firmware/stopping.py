"""SIGTERM and Ctrl-C: as an event that a service waits for, and as something that must not cut a clean-up short."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

ENDINGS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What asks a command to end: a service manager, Ctrl-C, a terminal that was closed."""


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets; afterwards the signals do what they did before."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def beside(
    name: str, work: Callable[[], object], stop: threading.Event, patience_s: float | None = None
) -> Iterator[None]:
    """`work` in a thread called `name` while the block lasts; then `stop` is set, and it is waited for.

    Args:
        name: for who looks at the threads of a process.
        work: ends soon once `stop` is set.
        stop: set at the end of the block.
        patience_s: for how long it is waited for; a process that ends does not wait for it at all.
    """
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(patience_s)


@contextmanager
def interruptions_ignored() -> Iterator[None]:
    """A block that no second Ctrl-C, SIGTERM or closed terminal cuts short; keep it short. Main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
