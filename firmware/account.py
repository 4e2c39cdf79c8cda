"""Who sits at this machine."""

from __future__ import annotations

import getpass
import os


def account() -> str:
    """The account of the operating system; with sudo the one that asked for it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
