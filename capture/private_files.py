"""Whether a private key's file is its owner's alone, and what to do when it is not. Each room raises it as its own."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_MAX_KEY: Final = 64 * 1024
"""No key that Wardlens writes is longer."""


def exposure(path: Path, mode: int) -> str | None:
    """The sentence that refuses a private key in a file of this `mode`; None when only its owner may use it."""
    if not mode & 0o077:
        return None
    return (
        f"The private key {path} can be read by others (mode {stat.S_IMODE(mode):04o}), so it is not used. "
        f"Run `chmod 600 {path}` (on a disk without rights, copy it to another first), and find out who had access."
    )


def exposed_file(path: Path) -> str | None:
    """The same for a file that somebody else will open, such as a TLS library.

    Raises:
        OSError: it is not there, or cannot be looked at.
    """
    return exposure(path, path.stat().st_mode)


def bytes_and_exposure(path: Path) -> tuple[bytes, str | None]:
    """The first 64 KiB of `path`, and the sentence that refuses it if it is not its owner's alone.

    The mode is that of the file that was read, whatever a name or a link points to a moment later.

    Raises:
        OSError: not readable.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        return file.read(_MAX_KEY), exposure(path, mode)
