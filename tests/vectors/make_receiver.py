"""Makes receiver.json: conversations with a receiver (docs/formats/sync.md), message by message, with the answers.

The envelopes, their devices and keys are those of envelope.json. Payloads are written by make_sync's own encoders.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from make_envelope import CAPTURE, DEVICE, SITE, SITE_KEY, made, refused
from make_envelope import vectors as envelope_vectors
from make_site_manifest import RECEIPT_KEY
from make_sync import canonical

SIZE = 2048
REASONS = {
    ("parse", "signature-form"): "bad-signature",
    ("parse", "too-large"): "too-large",
    ("verify", "site"): "wrong-site",
    ("verify", "certificate"): "bad-signature",
    ("verify", "authority"): "bad-signature",
    ("verify", "signature"): "bad-signature",
    ("open", "no-key"): "not-openable",
    ("open", "key"): "not-openable",
    ("open", "body"): "not-openable",
    ("open", "manifest"): "not-openable",
}
"""What the device is told of an envelope that is refused; `malformed` for all else that does not parse."""
SAMPLES = {
    "a JPEG",
    "version 2",
    "cut in the signature",
    "twice in a row",
    "unknown field",
    "unknown body suite",
    "body length 2^32 - 1",
    "signature with high s",
    "for another site",
    "certificate's URI of another site",
    "issued by a stranger of the same name",
    "a byte of the body turned",
    "sealed to somebody else",
    "wrapped keys exchanged",
    "body sealed under another nonce, signed again",
    "manifest of another picture",
}


@dataclass
class Conversation:
    """What a device says and what it is answered."""

    name: str
    raw: bytes
    device: str = DEVICE
    capture: str = CAPTURE
    digest: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.digest = self.digest or hashlib.sha256(self.raw).hexdigest()

    @property
    def identity(self) -> dict[str, Any]:
        return {"capture": self.capture, "digest": self.digest}

    def count(self, size: int) -> int:
        return -(-len(self.raw) // min(size, len(self.raw)))

    def offer(self, *answers: dict[str, Any], size: int = SIZE) -> Conversation:
        """The device offers."""
        size = min(size, len(self.raw))
        body = {**self.identity, "v": 1, "type": "offer", "length": len(self.raw), "chunk_size": size}
        return self._say("offer", canonical({**body, "count": self.count(size), "counter": 42, "heads": []}), answers)

    def chunk(self, index: int, *answers: dict[str, Any], size: int = SIZE) -> Conversation:
        """The device sends one chunk."""
        data = self.raw[index * size : (index + 1) * size]
        head = b"\x01" + bytes.fromhex(self.capture) + bytes.fromhex(self.digest)
        numbers = index.to_bytes(4, "big") + self.count(size).to_bytes(4, "big") + len(self.raw).to_bytes(8, "big")
        return self._say("chunk", head + numbers + data, answers)

    def chunks(self, *answers: dict[str, Any], size: int = SIZE, backwards: bool = False) -> Conversation:
        """All chunks; `answers` come after the last."""
        order = list(range(self.count(size)))
        if backwards:
            order.reverse()
        for index in order[:-1]:
            self.chunk(index, size=size)
        return self.chunk(order[-1], *answers, size=size)

    def have(self, *indexes: int, size: int = SIZE) -> dict[str, Any]:
        """What the receiver has."""
        size, count = min(size, len(self.raw)), self.count(size)
        bits = sum(1 << index for index in indexes).to_bytes(-(-count // 8), "little")
        body = {**self.identity, "v": 1, "type": "have", "length": len(self.raw), "chunk_size": size}
        return {**body, "have": base64.b64encode(bits).decode()}

    def receipt(self) -> dict[str, Any]:
        """All of a receipt but when it was and its signature."""
        body = {**self.identity, "v": 1, "type": "receipt", "length": len(self.raw), "site": SITE, "key": "receipt-1"}
        return {**body, "device": self.device}

    def refusal(self, reason: str) -> dict[str, Any]:
        """For good."""
        return {**self.identity, "v": 1, "type": "refusal", "kind": "permanent", "reason": reason}

    def raw_message(self, kind: str, payload: bytes) -> Conversation:
        """Anything, which gets no answer."""
        return self._say(kind, payload, ())

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "steps": self.steps}

    def _say(self, kind: str, payload: bytes, answers: tuple[dict[str, Any], ...]) -> Conversation:
        topic = f"wardlens/v1/{self.device}/up/{self.capture}/{kind}"
        payload_64 = base64.b64encode(payload).decode()
        self.steps.append({"topic": topic, "payload": payload_64, "answers": list(answers)})
        return self


def conversations() -> list[Conversation]:
    """All of them. Each begins with an empty archive."""
    good = made().raw
    other = made(nonce=bytes(12)).raw
    plain = Conversation("an offer, its chunks, and the offer once more", good)
    plain.offer(plain.have()).chunks(plain.receipt()).offer(plain.receipt())
    early = Conversation("chunks before any offer, last one first", good)
    early.chunks(early.receipt(), backwards=True)
    twice = Conversation("a chunk that comes twice, and an offer in the middle", good)
    twice.chunk(0).chunk(0).chunk(1).offer(twice.have(0, 1)).chunk(1).chunk(2, twice.receipt())
    late = Conversation("chunks of what is filed already", good)
    late.chunks(late.receipt()).chunk(0).offer(late.receipt())
    cut = Conversation("cut in another size, so that it begins anew", good)
    cut.offer(cut.have()).chunk(0).offer(cut.have(size=1024), size=1024).chunk(1)
    cut.offer(cut.have(size=1024), size=1024).chunks(cut.receipt(), size=1024)
    first, second = Conversation("", good), Conversation("another envelope of a capture that is filed", other)
    first.chunks(first.receipt())
    second.steps = first.steps
    second.offer(second.refusal("capture-conflict")).chunk(0)
    lie = Conversation("chunks that are not what the digest says, which may come again", good, digest="ab" * 32)
    lie.chunks(lie.refusal("digest-mismatch")).offer(lie.have())
    revoked = Conversation("a device that is revoked", good, device="ward-9")
    revoked.offer(revoked.refusal("revoked-device")).chunk(0)
    unknown = Conversation("a device that nobody knows", good, device="ward-0")
    unknown.chunk(0).offer(unknown.refusal("unknown-device"))
    thief = Conversation("another device's envelope", good, device="ward-8")
    thief.offer(thief.have()).chunks(thief.refusal("bad-signature")).offer(thief.refusal("bad-signature"))
    number = Conversation("an envelope under another capture's number", good, capture="f" * 32)
    number.offer(number.have()).chunks(number.refusal("malformed"))
    noise = Conversation("noise, which gets no answer and harms nothing", good)
    noise.raw_message("offer", b"hello").raw_message("chunk", b"").raw_message("other", b"{}")
    noise.offer(noise.have()).chunks(noise.receipt())
    made_here = [plain, early, twice, late, cut, second, lie, revoked, unknown, thief, number, noise]
    return made_here + [_refused(*row) for row in refused() if row[0] in SAMPLES]


def _refused(name: str, step: str, reason: str, raw: bytes) -> Conversation:
    said = REASONS.get((step, reason), "malformed")
    talk = Conversation(f"refused at {step}: {name}", raw)
    talk.offer(talk.have()).chunks(talk.refusal(said))
    # A key may be found again, so that one is judged anew; the others stand.
    return talk.offer(talk.have() if said == "not-openable" else talk.refusal(said))


def vectors() -> dict[str, Any]:
    """What receiver.json holds."""
    key = RECEIPT_KEY
    return {
        "format": "docs/formats/sync.md, version 1, the receiver",
        "site": SITE,
        "authorities": envelope_vectors()["authorities"],
        "opening_key": SITE_KEY.to_bytes().hex(),
        "receipt_key": {
            "name": "receipt-1",
            "private_hex": key.private_bytes_raw().hex(),
            "public_hex": key.public_key().public_bytes_raw().hex(),
        },
        "devices": {DEVICE: "active", "ward-8": "active", "ward-9": "revoked"},
        "conversations": [json.loads(json.dumps(talk.as_json())) for talk in conversations()],
    }
