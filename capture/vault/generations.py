"""Which queue file is in force. A rebuilt queue is a new file of the next generation; the others go over to it.

A name of its own, because another process may have the old file open: SQLite would tidy up the old one's log by name,
and so damage a new file that has the same (sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file while
in use").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from capture.disk import Files
from capture.errors import VaultUnwritable
from capture.vault.counter import Counter
from capture.vault.queue import Queue, QueueDamaged, create_queue
from capture.vault.translation import disk_in_our_words

Result = TypeVar("Result")

_QUEUE: Final = re.compile(r"queue(?:\.([0-9]{1,9}))?\.sqlite", re.ASCII)


class Generations:
    """The queue files in a vault's folder. Every method may raise VaultError for what the disk says."""

    def __init__(self, folder: Path, files: Files, counter: Counter) -> None:
        self._folder = folder
        self._temporary = folder / "queue.part"
        self._files = files
        self._counter = counter

    def opened(self) -> Queue | None:
        """The newest queue; None where there is none, or only a damaged one, which stays for whoever wants to know."""
        newest = self.newest()
        if newest < 0:
            return None
        try:
            return Queue(self.path(newest))
        except QueueDamaged:
            return None

    def followed(self, queue: Queue) -> Queue:
        """`queue`, open, or the one that another process has put in its place; then `queue` is closed."""
        newest = self.path(self.newest())
        if newest == queue.path and not queue.closed:
            return queue
        queue.close()
        return Queue(newest)

    def anew(self, fill: Callable[[Queue], Result]) -> tuple[Queue, Result]:
        """A new queue of the next generation, in force once `fill` has filled it; it counts on from what was reserved.

        Needs the lock. Where anything fails, the queue that was in force is.
        """
        generation = self.newest() + 1
        path = self.path(generation)
        self.sweep()
        with disk_in_our_words():
            reserved = self._counter.reserved()
            create_queue(self._temporary, {"counter": reserved, "reserved": reserved})
            filling = Queue(self._temporary)
            try:
                filled = fill(filling)
            finally:
                filling.close()
            log = self._temporary.with_name(f"{self._temporary.name}-wal")
            if log.exists() and log.stat().st_size:
                raise VaultUnwritable  # what is in it would not go with the name
            self._files.rename(self._temporary, path)
            self._files.sync_folder(self._folder)
            self._forget(self.path(generation - 2))
        return Queue(path), filled

    def sweep(self) -> None:
        """A queue that was being made when the power went is gone. Needs the lock."""
        with disk_in_our_words():
            self._forget(self._temporary)

    def newest(self) -> int:
        """The number of the newest generation, 0 for the first; -1 where there is none."""
        with disk_in_our_words():
            names = self._files.names(self._folder)
        return max((int(found[1] or 0) for name in names if (found := _QUEUE.fullmatch(name))), default=-1)

    def path(self, generation: int) -> Path:
        """Where the queue of a generation lies."""
        return self._folder / (f"queue.{generation}.sqlite" if generation else "queue.sqlite")

    def _forget(self, path: Path) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self._files.unlink(path.with_name(path.name + suffix))
