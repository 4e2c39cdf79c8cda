"""One process at a shared vault.

worker.py put FOLDER ENVELOPES | drain FOLDER COUNT | rebuild FOLDER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from capture.envelope import parse_envelope
from capture.vault import State, Vault


def put(vault: Vault, envelopes: Path) -> None:
    for path in sorted(envelopes.iterdir()):
        sys.stdout.write(f"{vault.next_counter()}\n")
        vault.put(parse_envelope(path.read_bytes()))


def drain(vault: Vault, count: int) -> None:
    deadline = time.monotonic() + 60
    while sum(entry.state is State.ERASED for entry in vault.entries()) < count:
        if time.monotonic() > deadline:
            sys.exit("not drained")
        for entry in vault.pending():
            assert vault.read(entry.capture)[:4] == b"\x89WLE"
            vault.offered(entry.capture)
            vault.receipted(entry.capture, entry.digest, b"receipt")
            vault.erase(entry.capture)


def main() -> None:
    _, work, folder, *rest = sys.argv
    with Vault(Path(folder), reserve_bytes=0) as vault:
        if work == "put":
            put(vault, Path(rest[0]))
        elif work == "drain":
            drain(vault, int(rest[0]))
        else:
            vault.rebuild()


main()
