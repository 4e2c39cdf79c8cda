"""A receiver that ends at a named step, as at a power cut. Run by test_receiver_faults.py, never by hand.

Reads one JSON object from standard input; prints a line for each batch that it would acknowledge.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.receiver.archive import Archive, ArchiveSettings
from sync.receiver.ingest import Delivery, Ingest
from sync.receiver.opening import OpeningKey
from sync.receiver.trust import FixedTrust, ReceiptKey


def main() -> None:
    told = json.load(sys.stdin)
    archive = Archive.open(ArchiveSettings(told["database"], told["objects"]))
    left = told["times"]

    def step(name: str) -> None:
        nonlocal left
        left -= name == told["step"]
        if left == 0:
            os._exit(9)

    ingest = Ingest(
        archive,
        site=told["site"],
        trust=FixedTrust(
            (x509.load_pem_x509_certificate(told["issuer"].encode()),), dict.fromkeys(told["devices"], "active")
        ),
        keys=lambda: (OpeningKey.from_bytes(bytes.fromhex(told["opening"])),),
        signer=lambda: ReceiptKey("receipt-1", Ed25519PrivateKey.from_private_bytes(bytes.fromhex(told["receipt"]))),
        step=step,
    )
    deliveries = [Delivery(topic, base64.b64decode(payload)) for topic, payload in told["deliveries"]]
    for start in range(0, len(deliveries), told["batch"]):
        _, work = ingest.handle(deliveries[start : start + told["batch"]])
        step("before-ack")
        sys.stdout.write(f"{start}\n")
        sys.stdout.flush()
        for item in work:
            for answer in ingest.complete(item):
                sys.stdout.write(f"said {json.loads(answer.payload)['type']}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    assert Path(__file__).exists()
    main()
