"""How far the device has counted, kept beside the queue so that a rebuilt queue never counts backwards.

Numbers are reserved by the block: the file says up to where, and is written once in 64 captures. A queue that was lost
goes on after the reserved block; the gap says nothing but that.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from capture.disk import Files, write_durably
from capture.vault.translation import disk_in_our_words

BLOCK: Final = 64
_NUMBER: Final = re.compile(rb"[0-9]{1,16}\n", re.ASCII)


class Counter:
    """The file that remembers the last reserved number."""

    def __init__(self, path: Path, files: Files) -> None:
        self._path = path
        self._temporary = path.with_suffix(".part")
        self._files = files

    def reserved(self) -> int:
        """The last reserved number; 0 if the file is not there or says nothing.

        Raises:
            OSError: the disk.
        """
        try:
            text = self._files.read(self._path, 0, 64)
        except FileNotFoundError:
            return 0
        return int(text) if _NUMBER.fullmatch(text) else 0

    def reserve(self, following: int) -> int:
        """A block from `following` on is reserved, durably; its last number.

        Raises:
            OSError: the disk.
        """
        last = following + BLOCK - 1
        self._files.unlink(self._temporary)
        write_durably(self._files, self._temporary, self._path, b"%d\n" % last)
        return last

    def sweep(self) -> None:
        """What was being written when the power went is gone. Only for who holds the vault's lock.

        Raises:
            VaultError: the disk.
        """
        with disk_in_our_words():
            self._files.unlink(self._temporary)
