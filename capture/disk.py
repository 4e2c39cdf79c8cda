"""The disk, as the vault needs it: a port of a dozen small calls, and the real one.

Each call is one step that a power cut can fall between, and that a test can make fail. Files are made 0640 and folders
2770, so that the services share the vault by their group and nobody else reads it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

FILE_MODE: Final = 0o640
SHARED_FILE_MODE: Final = 0o660
FOLDER_MODE: Final = 0o2770


class Files(Protocol):
    """What the vault asks of a disk. Every call may raise OSError."""

    def make_folder(self, path: Path) -> None:
        """A folder at `path`, if there is none; its parent is there."""
        ...

    def create(self, path: Path) -> int:
        """A new file open for writing. Raises FileExistsError if something is there."""
        ...

    def write(self, descriptor: int, data: bytes) -> None:
        """All of `data` into the file, nothing durable yet."""
        ...

    def sync(self, descriptor: int) -> None:
        """What was written survives a power cut."""
        ...

    def close(self, descriptor: int) -> None:
        """The file is closed."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """`source` is now called `target`, at once."""
        ...

    def sync_folder(self, path: Path) -> None:
        """The names in `path` survive a power cut."""
        ...

    def unlink(self, path: Path) -> None:
        """`path` is gone, if it was there."""
        ...

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Up to `length` bytes of `path` from `offset`."""
        ...

    def names(self, path: Path) -> list[str]:
        """What is in a folder, in any order."""
        ...

    def free_bytes(self, path: Path) -> int:
        """Room left for us on the disk that holds `path`."""
        ...

    def is_writable(self, path: Path) -> bool:
        """Whether the disk and the folder's mode let us write, without trying."""
        ...


class RealFiles:
    """The operating system's files."""

    def make_folder(self, path: Path) -> None:
        """A folder at `path`, shared with the group."""
        try:
            path.mkdir(mode=stat.S_IRWXU | stat.S_IRWXG)
        except FileExistsError:
            if not path.is_dir():
                raise
            return
        # A service may not set the group's bit (RestrictSUIDSGID=), and need not: it comes from the folder around it.
        if stat.S_IMODE(path.stat().st_mode) != FOLDER_MODE:
            path.chmod(FOLDER_MODE)

    def create(self, path: Path) -> int:
        """A new file open for writing; never through a link."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        os.fchmod(descriptor, FILE_MODE)
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        """All of `data`, however often the kernel takes less."""
        with memoryview(data) as rest:
            done = 0
            while done < len(rest):
                done += os.write(descriptor, rest[done:])

    def sync(self, descriptor: int) -> None:
        """To the disk, with fsync."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Closed."""
        os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Renamed, in one step."""
        source.rename(target)

    def sync_folder(self, path: Path) -> None:
        """The folder to the disk: without it a renamed file can be gone after a power cut."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, path: Path) -> None:
        """Gone, or never there."""
        path.unlink(missing_ok=True)

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Until `length` or the end, however often the kernel gives less."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(f"{path.name} is not a regular file")
            parts: list[bytes] = []
            while length > 0 and (part := os.pread(descriptor, length, offset)):
                parts.append(part)
                offset, length = offset + len(part), length - len(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    def names(self, path: Path) -> list[str]:
        """The folder's listing."""
        return [entry.name for entry in path.iterdir()]

    def is_writable(self, path: Path) -> bool:
        """What access(2) says; no write, which would wear out an SD card if asked every second."""
        return os.access(path, os.W_OK | os.X_OK)

    def free_bytes(self, path: Path) -> int:
        """What statvfs says is free for ordinary users."""
        status = os.statvfs(path)
        return status.f_bavail * status.f_frsize


def write_durably(files: Files, temporary: Path, target: Path, data: bytes) -> None:
    """`data` at `target`, all of it and for good, or an OSError and nothing at `target` that was not there before.

    Temporary file, fsync, rename, fsync of the folder: the order is what makes it true (python-atomicwrites PR 15).
    """
    try:
        with _created(files, temporary) as descriptor:
            files.write(descriptor, data)
            files.sync(descriptor)
        files.rename(temporary, target)
    except OSError:
        _try_unlink(files, temporary)
        raise
    files.sync_folder(target.parent)


@contextmanager
def _created(files: Files, path: Path) -> Iterator[int]:
    descriptor = files.create(path)
    try:
        yield descriptor
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            files.close(descriptor)
        raise
    files.close(descriptor)


def _try_unlink(files: Files, path: Path) -> None:
    with suppress(OSError):  # the next start sweeps it away
        files.unlink(path)
