"""Forgetting everything: the site, the keys, the vault. Once begun it ends: the next start finishes it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from firmware.errors import WorkFailed
from provisioning.durable import sync_folder

MARK: Final = "wipe-begun"
ORDER: Final = "wipe-ordered.json"
"""What the site ordered, and is still to hear (firmware/upkeep/wipe_order.py): it outlives the wipe."""
FIRST: Final = ("keys", "device.json")
"""What goes first: without the keys the device is nobody, and without device.json it is not paired."""


def wipe_state(state: Path) -> None:
    """Remove everything in the state folder, the keys first; a site's order to wipe stays until it is answered.

    Raises:
        WorkFailed: the disk refused; the wipe goes on when the device is started or wiped again.
    """
    try:
        mark = state / MARK
        with mark.open("wb") as file:
            os.fsync(file.fileno())
        sync_folder(state)
        rest = sorted(path.name for path in state.iterdir() if path.name not in {MARK, ORDER, *FIRST})
        for name in (*FIRST, *rest):
            _remove(state / name)
            sync_folder(state)
        mark.unlink()
        sync_folder(state)
    except OSError as error:
        raise WorkFailed(
            f"{state} could not be wiped whole ({error.strerror}). Do not hand this device on: wipe it again."
        ) from error


def finish_wipe(state: Path) -> bool:
    """Whether a wipe had been interrupted here; if so, it is finished now."""
    if not (state / MARK).exists():
        return False
    wipe_state(state)
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
