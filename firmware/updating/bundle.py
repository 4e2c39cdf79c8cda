"""The bundle that the process with the network laid down: taken over by root, so that nobody writes it any more."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from firmware.updating.record import BUNDLES
from provisioning.updates import Update

_MODE: Final = 0o400


class BundleDamaged(Exception):  # noqa: N818 - named for what is known
    """The bundle is not the one that the site means. The text says in what."""


def whole(state: Path, update: Update) -> Path:
    """Where a bundle lies that was fetched and found to be what the site offered."""
    return state / BUNDLES / f"{update.sha256}.raucb"


def partial(state: Path, update: Update) -> Path:
    """Where it lies while it is fetched."""
    return state / BUNDLES / f"{update.sha256}.part"


def taken_over(state: Path, update: Update) -> Path:
    """The bundle: ours alone from now on, with the length and the digest that the site signed.

    It changes hands before it is looked at. A file of ours in a folder of ours with the sticky bit is replaced by
    nobody, and a lease is given only for a file that nobody has open to write (fcntl(2)): what is looked at here is
    what RAUC reads.

    Raises:
        BundleDamaged: it is not that, or somebody could still write it.
    """
    path = whole(state, update)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BundleDamaged(f"The bundle is not there ({error.strerror}).") from error
    try:
        _check_alone(descriptor, path)
        os.fchown(descriptor, os.geteuid(), os.getegid())
        os.fchmod(descriptor, _MODE)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        _check_alone(descriptor, path)
        if (size := os.fstat(descriptor).st_size) != update.size:
            raise BundleDamaged(f"The bundle has {size} bytes, not {update.size}.")
        with open(descriptor, "rb", closefd=False) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != update.sha256:
                raise BundleDamaged("The bundle is not the one that was offered.")
    except OSError as error:
        raise BundleDamaged(f"The bundle cannot be taken over ({error.strerror}).") from error
    finally:
        os.close(descriptor)
    return path


def _check_alone(descriptor: int, path: Path) -> None:
    """Nothing, when what is open is a file that has this name and no other."""
    found, named = os.fstat(descriptor), path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_ino != named.st_ino:
        raise BundleDamaged("The bundle is no file of its own.")
