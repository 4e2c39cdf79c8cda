"""A hospital that keeps nothing: it says what a receiver says, so that a device sends as fast as it can.

Run as a process of its own in the place of a bare subscriber: it counts chunks as that one counts messages, answers an
offer with "nothing is here" and a whole envelope with the site's receipt. What a receiver costs is measured elsewhere.
`python -m firmware.measuring.transfer.answering` with the settings file and the count of captures.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from capture.identifiers import DeviceId, SiteId
from firmware.hospital import receiver_broker
from firmware.logging import configure_logging
from firmware.settings import Log, load_settings
from provisioning.site import Site
from sync.mqtt import Message, open_connection
from sync.protocol import Have, Offer, Pieces, Receivers, Upload, decode_up, sign_receipt, topics
from sync.receiver.trust import ReceiptKey


def main() -> None:
    """Answer until so many captures are whole."""
    configure_logging(Log(level="warning"))
    settings, count = load_settings(Path(sys.argv[1])), int(sys.argv[2])
    site = Site.load(settings.receiver.site)
    key, seen = site.receipt_signer(), dict[Upload, int]()
    connection = open_connection(receiver_broker(settings, site))
    connection.subscribe(topics.SHARED_UP)
    present = Receivers(present=True, receiver=settings.receiver.name, session=1)
    connection.publish(topics.RECEIVERS, present.encode(), retain=True)
    _say({})
    began = busy = 0.0
    while count:
        for arrival in connection.step(1.0):
            if not isinstance(arrival, Message):
                continue
            device, message = decode_up(arrival.topic, arrival.payload)
            connection.acknowledge(arrival)
            upload = message.upload
            down = topics.down(device, upload.capture)
            if isinstance(message, Offer):
                began, busy = began or time.monotonic(), busy or time.process_time()
                connection.publish(down, Have(upload, Pieces(upload.count)).encode())
                continue
            seen[upload] = seen.get(upload, 0) + 1
            if seen[upload] == upload.count:
                connection.publish(down, _receipt(key, site.id, device, upload))
                count -= 1
    _say({"began": began, "ended": time.monotonic(), "cpu": time.process_time() - busy})
    gone = Receivers(present=False, receiver=settings.receiver.name, session=1)
    connection.publish(topics.RECEIVERS, gone.encode(), retain=True)
    connection.close()


def _receipt(key: ReceiptKey, site: SiteId, device: DeviceId, upload: Upload) -> bytes:
    return sign_receipt(
        key.sign,
        site=site,
        device=device,
        capture=upload.capture,
        digest=upload.digest,
        length=upload.length,
        received_at_ms=time.time_ns() // 1_000_000,
        key=key.key_id,
    ).encode()


def _say(fact: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
