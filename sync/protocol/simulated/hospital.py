"""A hospital in memory: a store that all receivers share, and receivers that keep nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from capture.identifiers import CaptureId, DeviceId, SiteId
from sync.protocol.mail import decode_up
from sync.protocol.messages import RefusalReason
from sync.protocol.pieces import Chunk, Pieces, Upload
from sync.protocol.receipts import sign_receipt
from sync.protocol.receiver import (
    Accepted,
    Archived,
    Complete,
    DropChunks,
    Effect,
    Effects,
    Facts,
    KeepHeads,
    OpenUpload,
    Postponed,
    Quarantine,
    ReceiverMachine,
    Rejected,
    SendHave,
    SendReceipt,
    SendRefusal,
    StoreChunk,
    Verdict,
)
from sync.protocol.simulated.faults import Faults

KEY_NAME: Final = "receipt-1"

Send = Callable[[DeviceId, CaptureId, bytes], None]


class Crashed(Exception):  # noqa: N818 - named for what happened
    """A receiver died in the middle; what was committed stays, the rest never happened."""


@dataclass(slots=True)
class _Open:
    upload: Upload
    chunks: dict[int, bytes] = field(default_factory=dict)


class Hospital:
    """The shared store and what receivers do with it.

    Attributes:
        archive: the envelope's bytes for each capture that was filed.
        filed: how often each capture was filed; more than once is a broken promise.
        receipts: every distinct receipt that was sent for each capture.
        heads: how many ledger heads were kept.
        ignored: how often each kind of message changed nothing.
    """

    def __init__(self, site: SiteId, chance: Callable[[], float], machine: ReceiverMachine | None = None) -> None:
        self.archive: dict[CaptureId, bytes] = {}
        self.filed: dict[CaptureId, int] = {}
        self.receipts: dict[CaptureId, set[bytes]] = {}
        self.heads = 0
        self.ignored: dict[str, int] = {}
        self._machine = machine or ReceiverMachine()
        self._site = site
        self._chance = chance
        self._key = Ed25519PrivateKey.generate()
        self.receipt_keys = {KEY_NAME: self._key.public_key()}
        self._open: dict[tuple[DeviceId, CaptureId, str], _Open] = {}
        self._archived: dict[tuple[DeviceId, CaptureId], Archived] = {}
        self._refused: dict[tuple[DeviceId, CaptureId, str], str] = {}

    def facts(self, device: DeviceId, capture: CaptureId, digest: str) -> Facts:
        """What the store knows."""
        stored = self._open.get((device, capture, digest))
        return Facts(
            stored.upload if stored else None,
            Pieces.of(stored.upload.count, stored.chunks) if stored else None,
            self._archived.get((device, capture)),
            self._refused.get((device, capture, digest)),
        )

    def deliver(self, topic: str, payload: bytes, now: float, faults: Faults, send: Send) -> None:
        """One message reaches one receiver."""
        device, message = decode_up(topic, payload)
        upload = message.upload
        effects = self._machine.received(message, self.facts(device, upload.capture, upload.digest))
        try:
            self._perform(effects, device, now, faults, send)
        except Crashed:
            return

    def _maybe_crash(self, faults: Faults) -> None:
        if self._chance() < faults.crash:
            raise Crashed

    def _perform(self, effects: Effects, device: DeviceId, now: float, faults: Faults, send: Send) -> None:
        for effect in effects:
            after = self._one(effect, device, now, faults, send)
            if after:
                self._maybe_crash(faults)
                self._perform(after, device, now, faults, send)

    def _one(self, effect: Effect, device: DeviceId, now: float, faults: Faults, send: Send) -> Effects:
        match effect:
            case KeepHeads(_, heads):
                self.heads += len(heads)
            case OpenUpload(upload):
                self._open[device, upload.capture, upload.digest] = _Open(upload)
            case StoreChunk(chunk):
                return self._store(chunk, device, faults)
            case Complete(upload):
                verdict = self._judge(device, upload, now, faults)
                return self._machine.judged(upload, verdict)
            case DropChunks(upload):
                self._open.pop((device, upload.capture, upload.digest), None)
            case Quarantine(upload, reason):
                self._refused[device, upload.capture, upload.digest] = reason
            case SendHave(have):
                send(device, have.upload.capture, effect.payload)
            case SendRefusal(refusal):
                send(device, refusal.capture, effect.payload)
            case SendReceipt(payload):
                self._send_receipt(payload, device, send)
            case _:
                self.ignored[effect.reason] = self.ignored.get(effect.reason, 0) + 1
        return ()

    def _store(self, chunk: Chunk, device: DeviceId, faults: Faults) -> Effects:
        upload = chunk.upload
        data = chunk.data
        if self._chance() < faults.corrupt:
            data = bytes([data[0] ^ 1]) + data[1:]
        self._open[device, upload.capture, upload.digest].chunks[chunk.index] = data
        return self._machine.stored(upload, self.facts(device, upload.capture, upload.digest))

    def _judge(self, device: DeviceId, upload: Upload, now: float, faults: Faults) -> Verdict:
        if self._chance() < faults.busy:
            return Postponed(5)
        chunks = self._open[device, upload.capture, upload.digest].chunks
        envelope = b"".join(chunks[index] for index in range(upload.count))
        if hashlib.sha256(envelope).hexdigest() != upload.digest:
            return Rejected(RefusalReason.DIGEST_MISMATCH)
        self.archive[upload.capture] = envelope
        self.filed[upload.capture] = self.filed.get(upload.capture, 0) + 1
        receipt = sign_receipt(
            self._key.sign,
            site=self._site,
            device=device,
            capture=upload.capture,
            digest=upload.digest,
            length=upload.length,
            received_at_ms=int(now * 1000),
            key=KEY_NAME,
        ).encode()
        self._archived[device, upload.capture] = Archived(upload.digest, receipt)
        del self._open[device, upload.capture, upload.digest]
        return Accepted(receipt)

    def _send_receipt(self, payload: bytes, device: DeviceId, send: Send) -> None:
        capture = next(c for (d, c), archived in self._archived.items() if d == device and archived.receipt == payload)
        self.receipts.setdefault(capture, set()).add(payload)
        send(device, capture, payload)
