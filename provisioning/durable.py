"""Files that are whole or not there: written aside, fsynced, renamed, and their folder fsynced.

Private files are 0600 from their first byte and private folders 0700; a reader refuses anything wider.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from capture.private_files import bytes_and_exposure
from provisioning.errors import KeyExposed

PRIVATE = 0o600
PUBLIC = 0o644


def write(path: Path, data: bytes, *, mode: int = PUBLIC, owner: tuple[int, int] | None = None) -> None:
    """`data` at `path`, durable, replacing what was there; `owner` is a user and a group, if not our own.

    Raises:
        OSError: the disk refused; what was there before still is.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if owner is not None:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(aside, path)  # noqa: PTH105 - the one call whose atomicity is the point
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def rewrite(path: Path, data: bytes, *, otherwise: int = PUBLIC) -> None:
    """`data` at `path` with the mode of what was there, and its owner where we are root; else with mode `otherwise`.

    Raises:
        OSError: the disk refused; what was there before still is.
    """
    try:
        before = path.stat()
    except FileNotFoundError:
        write(path, data, mode=otherwise)
        return
    owner = (before.st_uid, before.st_gid) if os.geteuid() == 0 else None
    write(path, data, mode=stat.S_IMODE(before.st_mode), owner=owner)


def private_bytes(path: Path) -> bytes:
    """What is in `path`, a file with a private key.

    Raises:
        KeyExposed: others can read it.
        OSError: not readable.
    """
    data, exposed = bytes_and_exposure(path)
    if exposed is not None:
        raise KeyExposed(exposed)
    return data


def sync_folder(folder: Path) -> None:
    """The names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_folder(path: Path) -> Path:
    """`path` as a folder that only its owner may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def is_private(path: Path) -> bool:
    """Whether nobody but the owner can reach `path`; a link is not followed, because its target may change."""
    facts = path.lstat()
    return not stat.S_ISLNK(facts.st_mode) and not facts.st_mode & 0o077
