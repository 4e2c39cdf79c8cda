"""One change to the vault at a time, over all its processes and threads."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from capture.disk import SHARED_FILE_MODE


class FolderLock:
    """A re-entrant lock that threads and processes share; the kernel frees it when its holder dies.

    Raises:
        OSError: the lock file cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, SHARED_FILE_MODE)
        share(self._descriptor)
        self._threads = threading.RLock()
        self._depth = 0

    def __enter__(self) -> Self:
        self._threads.acquire()
        if self._depth == 0:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            except BaseException:
                self._threads.release()
                raise
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        """The lock file is closed; the lock is not used again."""
        os.close(self._descriptor)


def share(descriptor: int) -> None:
    """Let the group write the file, whatever the umask; only its owner may say so, and has."""
    if os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, SHARED_FILE_MODE)
