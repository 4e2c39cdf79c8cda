"""One receiver's hands, fed as fast as they take: run by :mod:`~firmware.measuring.transfer.receiving`.

`python -m firmware.measuring.transfer.filing` with the work as JSON: it says that it is ready, begins when the file
`go` is there, and prints what each step of a capture took.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from capture.envelope import Envelope, parse_envelope, verify_envelope
from firmware.device import open_vault
from firmware.logging import configure_logging
from firmware.measuring.transfer.processes import until
from firmware.settings import Log, load_settings
from provisioning.site import Site
from sync.protocol import Chunk, Offer, Upload, topics
from sync.protocol.pieces import DEFAULT_CHUNK
from sync.receiver import Archive, ArchiveSettings, Ingest, open_envelope
from sync.receiver.ingest import Delivery

BATCH = 8
"""Messages that the broker gives a receiver at a time (its Receive Maximum)."""


class Watch:
    """How long each step took, in seconds, all captures together."""

    def __init__(self) -> None:
        self.took: dict[str, float] = defaultdict(float)
        self._since = time.perf_counter()

    def begin(self) -> None:
        """What comes now is measured."""
        self._since = time.perf_counter()

    def end(self, step: str) -> None:
        """What was measured was this step; what follows is the next."""
        now = time.perf_counter()
        self.took[step] += now - self._since
        self._since = now

    def __call__(self, name: str) -> None:
        """As the ingest says where it is."""
        step = {"before-put": "verify and open", "after-put": "put", "before-commit": "receipt and rows"}.get(name)
        if step is not None:
            self.end(step)


def deliveries(envelope: Envelope) -> list[Delivery]:
    """An envelope as its device sends it: the offer, and every chunk."""
    upload = Upload.cut(envelope.capture, envelope.digest, len(envelope.raw), DEFAULT_CHUNK)
    offer = Delivery(topics.offer(envelope.device, envelope.capture), Offer(upload, envelope.counter, ()).encode())
    topic = topics.chunk(envelope.device, envelope.capture)
    spans = (upload.span(index) for index in range(upload.count))
    return [
        offer,
        *(
            Delivery(topic, Chunk(upload, i, envelope.raw[at : at + size]).encode())
            for i, (at, size) in enumerate(spans)
        ),
    ]


def main() -> None:
    """File what waits in a device's vault, once."""
    configure_logging(Log(level="warning"))
    asked: dict[str, Any] = json.loads(sys.argv[1])
    site = Site.load(Path(asked["site"]))
    with open_vault(load_settings(Path(asked["settings"]), state=Path(asked["state"]))) as vault:
        envelopes = [parse_envelope(vault.read(entry.capture)) for entry in vault.pending()]
    archive = Archive.open(ArchiveSettings(asked["database"], asked["objects"], asked["options"]))
    watch, alone = Watch(), Watch()
    ingest = Ingest(archive, site=site.id, trust=site, keys=site.opening_keys, signer=site.receipt_signer, step=watch)
    sent = [deliveries(envelope) for envelope in envelopes]
    _say({})
    until(Path(asked["go"]).exists, "the word to go")
    began, busy = time.monotonic(), _cpu()
    for messages in sent:
        for start in range(0, len(messages), BATCH):
            watch.begin()
            _, work = ingest.handle(messages[start : start + BATCH])
            watch.end("chunk commit")
            for item in work:
                watch.begin()
                ingest.complete(item)
                watch.end("commit")
    ended, cpu = time.monotonic(), _cpu() - busy
    for envelope in envelopes:
        alone.begin()
        verify_envelope(parse_envelope(envelope.raw), site=site.id, authorities=site.authorities())
        alone.end("verify alone")
        open_envelope(envelope, site.opening_keys())
        alone.end("open alone")
    took = {step: 1000 * seconds / len(sent) for step, seconds in (watch.took | alone.took).items()}
    _say({"began": began, "ended": ended, "cpu": cpu, "filed": ingest.tally.filed, "ms": took})
    archive.close()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _say(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
