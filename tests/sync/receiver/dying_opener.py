"""An opener that ends at a named step, as at a power cut. Run by test_opened_later.py, never by hand.

Reads one JSON object from standard input; prints a line for each capture that it would report.
"""

from __future__ import annotations

import json
import os
import sys

from cryptography import x509

from sync.receiver.archive import Archive, ArchiveSettings
from sync.receiver.opener import Opener
from sync.receiver.opening import OpeningKey


def main() -> None:
    told = json.load(sys.stdin)
    left = told["times"]

    def step(name: str) -> None:
        nonlocal left
        left -= name == told["step"]
        if left == 0:
            os._exit(9)

    opener = Opener(
        Archive.open(ArchiveSettings(told["database"], told["objects"])),
        site=told["site"],
        authorities=lambda: (x509.load_pem_x509_certificate(told["issuer"].encode()),),
        keys=lambda: (OpeningKey.from_bytes(bytes.fromhex(told["opening"])),),
        step=step,
    )
    opener.open_waiting()


if __name__ == "__main__":
    main()
