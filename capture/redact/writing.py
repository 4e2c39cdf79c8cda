"""A file is there whole or not at all: temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path to write to, in `target`'s folder and with its ending; on success it becomes `target`, else it is gone.

    Raises:
        OSError: the folder cannot be made, written or synced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.stem}.part-{os.getpid()}{target.suffix}")
    try:
        yield part
        _sync(part, os.O_RDWR)
        part.replace(target)
        _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    finally:
        part.unlink(missing_ok=True)


def forget_parts(target: Path) -> None:
    """Removes what runs that were killed left of `target`. Only for who knows that no other run is writing it."""
    for part in target.parent.iterdir():
        if part.name.startswith(f".{target.stem}.part-") and part.suffix == target.suffix:
            part.unlink(missing_ok=True)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
