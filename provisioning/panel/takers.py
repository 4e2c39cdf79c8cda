"""Who took which picture, as the camera service's ledger chain says it. Reads on from where it was, judges nothing.

The queue holds ciphertext and states and knows nobody; the ledger names the badge that accepted each picture, and
outlives a queue that was built again. Where it says nothing, nobody is known, and only a ward lead sees the picture.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Final

from capture.ledger import LedgerEvent, parse_line

CHAIN: Final = "camera"
MOST_REMEMBERED: Final = 20_000
"""More than the queue ever holds: what is oldest is forgotten first."""
_SEALED: Final = f'"{LedgerEvent.CAPTURE_SEALED.value}"'.encode()


class Takers:
    """The badge behind each picture of this device. Threads may share one.

    Args:
        folder: of the ledger; None where there is none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / f"{CHAIN}.jsonl" if folder else None
        self._lock = threading.Lock()
        self._known: OrderedDict[str, str] = OrderedDict()
        self._inode = 0
        self._read = 0

    def taker(self, capture: str) -> str:
        """The badge that accepted this picture; empty where the ledger, as last read, does not say."""
        return self._known.get(capture, "")

    def refresh(self) -> None:
        """Reads what the chain has gained. A chain that was begun anew is read from its start; what was known stays."""
        if self._file is None:
            return
        with self._lock, suppress(OSError), self._file.open("rb") as source:
            status = os.fstat(source.fileno())
            if status.st_ino != self._inode or status.st_size < self._read:
                self._inode, self._read = status.st_ino, 0
            source.seek(self._read)
            for line in source:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._read += len(line)
                self._heard(line)

    def _heard(self, line: bytes) -> None:
        if _SEALED not in line:
            return
        with suppress(ValueError):  # `wardlens device ledger verify` judges it
            facts = parse_line(line.rstrip(b"\n")).facts
            if "clinician" in facts:
                self._known[str(facts["capture"])] = str(facts["clinician"])
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
