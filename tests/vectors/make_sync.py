"""Makes sync.json: every message of docs/formats/sync.md, and what is none, each with the refusal expected.

It writes the bytes by itself, with `json` and `struct` and none of Wardlens's encoders: the vectors hold those too.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CAPTURE, OTHER, DIGEST = "0123456789abcdef" * 2, "f" * 32, "ab" * 32
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PICTURE = bytes(number % 251 for number in range(5000))
HEAD = {"chain": "sync", "hash": "cd" * 32, "sequence": 7, "signature": "ef" * 64}
UPLOAD = {"capture": CAPTURE, "digest": DIGEST, "length": 5000, "chunk_size": 2048}
OFFER = {**UPLOAD, "v": 1, "type": "offer", "count": 3, "counter": 42, "heads": []}
HAVE = {**UPLOAD, "v": 1, "type": "have", "have": "AA=="}
LATER = {"v": 1, "type": "refusal", "capture": CAPTURE, "digest": DIGEST, "kind": "later", "seconds": 60}
PERMANENT = {
    "v": 1,
    "type": "refusal",
    "capture": CAPTURE,
    "digest": DIGEST,
    "kind": "permanent",
    "reason": "capture-conflict",
}
WILL = {"v": 1, "type": "state", "online": False, "session": 9}
BIRTH = {
    **WILL,
    "online": True,
    "certificate_days": 29,
    "free_bytes": 1_000_000_000,
    "models": {"centerface": DIGEST},
    "parked": 1,
    "queued": 3,
    "self_test": {"camera": "failed", "phantom": "passed"},
    "self_test_at_ms": 1_700_000_000_000,
    "version": "0.1.0",
}
RECEIVERS = {"v": 1, "type": "receivers", "present": True, "receiver": "receiver-1", "session": 3}
UNSIGNED = {
    "v": 1,
    "type": "receipt",
    "site": "north",
    "device": "ward-7",
    "capture": CAPTURE,
    "digest": DIGEST,
    "length": 5000,
    "received_at_ms": 1_700_000_000_000,
    "key": "receipt-1",
}


def canonical(value: Any) -> bytes:
    """`value` as docs/formats/sync.md spells it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def receipt(**changes: Any) -> dict[str, Any]:
    """A receipt signed by the published key; `changes` are made before it is signed."""
    body = UNSIGNED | changes
    signature = KEY.sign(b"wardlens receipt v1\x00" + canonical(body))
    return {**body, "signature": base64.b64encode(signature).decode()}


def chunk(
    data: bytes, index: int, count: int = 3, length: int = 5000, *, version: int = 1, capture: str = CAPTURE
) -> bytes:
    """A chunk's payload."""
    identity = bytes.fromhex(capture), bytes.fromhex(DIGEST)
    return struct.pack(">B16s32sIIQ", version, *identity, index, count, length) + data


FIRST, MIDDLE, LAST = PICTURE[:2048], PICTURE[2048:4096], PICTURE[4096:]

VALID: list[tuple[str, str, bytes]] = [
    ("offer", "offer", canonical(OFFER | {"heads": [HEAD]})),
    ("offer-without-heads", "offer", canonical(OFFER | {"counter": 0})),
    ("offer-with-eight-heads", "offer", canonical(OFFER | {"heads": [HEAD] * 8})),
    ("offer-of-one-byte", "offer", canonical(OFFER | {"length": 1, "chunk_size": 1, "count": 1, "counter": 1})),
    (
        "offer-of-the-longest-envelope",
        "offer",
        canonical(OFFER | {"length": 2**26, "chunk_size": 2**20, "count": 64, "counter": 2**63 - 1}),
    ),
    ("have-none", "have", canonical(HAVE)),
    ("have-first-and-last", "have", canonical(HAVE | {"have": "BQ=="})),
    ("have-all", "have", canonical(HAVE | {"have": "Bw=="})),
    (
        "have-of-nine-chunks",
        "have",
        canonical(HAVE | {"length": 9216, "chunk_size": 1024, "have": "AAE="}),
    ),
    ("chunk-first", "chunk", chunk(FIRST, 0)),
    ("chunk-last", "chunk", chunk(LAST, 2)),
    ("chunk-only", "chunk", chunk(b"hello", 0, 1, 5)),
    ("chunk-last-as-long-as-the-others", "chunk", chunk(MIDDLE, 1, 2, 4096)),
    ("refusal-later", "refusal", canonical(LATER)),
    ("refusal-permanent", "refusal", canonical(PERMANENT)),
    ("refusal-unknown-reason", "refusal", canonical(PERMANENT | {"reason": "said-by-a-newer-receiver"})),
    ("state-birth", "state", canonical(BIRTH)),
    ("state-will", "state", canonical(WILL)),
    ("state-of-an-expired-certificate", "state", canonical(BIRTH | {"certificate_days": -3, "models": {}})),
    ("state-of-a-warm-device", "state", canonical(BIRTH | {"celsius": 65})),
    ("state-of-a-device-with-a-system-of-ours", "state", canonical(BIRTH | {"system": "2026.48.1"})),
    ("state-of-a-device-in-which-a-picture-waits", "state", canonical(BIRTH | {"oldest_seconds": 900})),
    ("receivers-present", "receivers", canonical(RECEIVERS)),
    ("receivers-gone", "receivers", canonical(RECEIVERS | {"present": False})),
    ("receipt", "receipt", canonical(receipt())),
]


def without(message: dict[str, Any], *names: str) -> dict[str, Any]:
    """`message` with fields left out."""
    return {name: value for name, value in message.items() if name not in names}


REFUSED: list[tuple[str, str, str, bytes]] = [
    ("empty", "offer", "not_json", b""),
    ("not-json", "offer", "not_json", b"hello"),
    ("a-list", "offer", "not_json", b"[]"),
    ("not-utf-8", "offer", "not_json", b'{"v":"\xff"}'),
    ("too-deep", "offer", "not_json", b"[" * 16000),
    ("white-space", "offer", "not_canonical", canonical(OFFER) + b"\n"),
    ("keys-out-of-order", "offer", "not_canonical", b'{"v":1,"type":"offer"}'),
    ("twice-the-same-key", "offer", "not_canonical", canonical(OFFER)[:-1] + b',"v":1}'),
    ("nan", "offer", "not_canonical", b'{"v":NaN}'),
    ("a-letter-escaped", "offer", "not_canonical", canonical(OFFER).replace(b'"offer"', b'"\\u006ffer"')),
    (
        "not-escaped",
        "have",
        "not_canonical",
        canonical(HAVE | {"have": "\u00e9"}).replace(b"\\u00e9", "\u00e9".encode()),
    ),
    ("too-long", "offer", "too_long", b'"' + b"a" * 20000 + b'"'),
    ("other-version", "offer", "version", canonical(OFFER | {"v": 2})),
    ("no-version", "offer", "fields", canonical(without(OFFER, "v"))),
    ("version-true", "offer", "version", canonical(OFFER | {"v": True})),
    ("other-type", "offer", "type", canonical(OFFER | {"type": "have"})),
    ("missing-field", "offer", "fields", canonical(without(OFFER, "counter"))),
    ("unknown-field", "offer", "fields", canonical(OFFER | {"extra": 1})),
    ("capture-in-capitals", "offer", "value", canonical(OFFER | {"capture": CAPTURE.upper()})),
    ("capture-not-text", "offer", "value", canonical(OFFER | {"capture": 1})),
    ("digest-too-short", "offer", "value", canonical(OFFER | {"digest": "ab"})),
    ("digest-not-text", "offer", "value", canonical(OFFER | {"digest": 5})),
    ("length-zero", "offer", "value", canonical(OFFER | {"length": 0})),
    ("length-too-long", "offer", "value", canonical(OFFER | {"length": 2**26 + 1})),
    ("length-a-float", "offer", "value", canonical(OFFER | {"length": 5000.5})),
    ("length-true", "offer", "value", canonical(OFFER | {"length": True})),
    ("chunk-size-too-small", "offer", "geometry", canonical(OFFER | {"chunk_size": 1023, "count": 5})),
    ("chunk-size-too-large", "offer", "geometry", canonical(OFFER | {"length": 2**26, "chunk_size": 2**20 + 1})),
    ("chunk-size-beyond-length", "offer", "geometry", canonical(OFFER | {"chunk_size": 5001, "count": 1})),
    ("count-wrong", "offer", "geometry", canonical(OFFER | {"count": 4})),
    ("counter-negative", "offer", "value", canonical(OFFER | {"counter": -1})),
    ("counter-too-large", "offer", "value", canonical(OFFER | {"counter": 2**63})),
    ("nine-heads", "offer", "value", canonical(OFFER | {"heads": [HEAD] * 9})),
    ("heads-not-a-list", "offer", "value", canonical(OFFER | {"heads": {}})),
    ("a-head-that-is-a-list", "offer", "value", canonical(OFFER | {"heads": [[1]]})),
    ("a-head-with-depth", "offer", "value", canonical(OFFER | {"heads": [{"a": {}}]})),
    (
        "a-head-with-thirteen-fields",
        "offer",
        "value",
        canonical(OFFER | {"heads": [dict.fromkeys("abcdefghijklm", 1)]}),
    ),
    ("a-head-with-a-long-word", "offer", "value", canonical(OFFER | {"heads": [{"chain": "a" * 257}]})),
    ("bitmap-too-long", "have", "geometry", canonical(HAVE | {"have": "AAA="})),
    ("bitmap-too-short", "have", "geometry", canonical(HAVE | {"length": 9216, "chunk_size": 1024})),
    ("bitmap-beyond-the-last", "have", "geometry", canonical(HAVE | {"have": "CA=="})),
    ("bitmap-not-base64", "have", "value", canonical(HAVE | {"have": "!!!!"})),
    ("bitmap-not-ascii", "have", "value", canonical(HAVE | {"have": "\u00e9"})),
    ("bitmap-not-text", "have", "value", canonical(HAVE | {"have": 1})),
    ("bitmap-loose-base64", "have", "value", canonical(HAVE | {"have": "AB=="})),
    ("bitmap-without-padding", "have", "value", canonical(HAVE | {"have": "AA"})),
    ("refusal-of-another-kind", "refusal", "value", canonical(LATER | {"kind": "maybe"})),
    ("refusal-without-seconds", "refusal", "fields", canonical(without(LATER, "seconds"))),
    ("refusal-for-no-time", "refusal", "value", canonical(LATER | {"seconds": 0})),
    ("refusal-for-too-long", "refusal", "value", canonical(LATER | {"seconds": 3601})),
    ("refusal-with-both", "refusal", "fields", canonical(PERMANENT | {"reason": "too-large", "seconds": 1})),
    ("refusal-reason-with-space", "refusal", "value", canonical(PERMANENT | {"reason": "too large"})),
    ("state-online-a-number", "state", "value", canonical(BIRTH | {"online": 1})),
    ("state-offline-with-facts", "state", "fields", canonical(BIRTH | {"online": False})),
    ("state-model-that-is-a-number", "state", "value", canonical(BIRTH | {"models": {"centerface": 7}})),
    ("state-model-that-is-half-a-character", "state", "value", canonical(BIRTH | {"models": {"\ud800": DIGEST}})),
    ("state-test-with-a-line-break", "state", "value", canonical(BIRTH | {"self_test": {"camera": "failed\n"}})),
    ("state-version-too-long", "state", "value", canonical(BIRTH | {"version": "x" * 129})),
    ("state-system-that-is-no-version", "state", "value", canonical(BIRTH | {"system": "the newest"})),
    ("state-queue-negative", "state", "value", canonical(BIRTH | {"queued": -1})),
    ("state-oldest-a-fraction", "state", "not_canonical", b'{"oldest_seconds":1e2,"type":"state","v":1}'),
    ("state-oldest-negative", "state", "value", canonical(BIRTH | {"oldest_seconds": -1})),
    ("receivers-name-with-slash", "receivers", "value", canonical(RECEIVERS | {"receiver": "a/b"})),
    ("receivers-present-a-word", "receivers", "value", canonical(RECEIVERS | {"present": "yes"})),
    ("receipt-with-altered-digest", "receipt", "signature", canonical(receipt() | {"digest": "cd" * 32})),
    ("receipt-for-another-device", "receipt", "signature", canonical(receipt() | {"device": "ward-8"})),
    ("receipt-for-another-capture", "receipt", "signature", canonical(receipt() | {"capture": OTHER})),
    ("receipt-for-another-length", "receipt", "signature", canonical(receipt() | {"length": 5001})),
    ("receipt-of-another-site", "receipt", "signature", canonical(receipt() | {"site": "south"})),
    ("receipt-at-another-time", "receipt", "signature", canonical(receipt() | {"received_at_ms": 0})),
    (
        "receipt-with-the-signature-of-another",
        "receipt",
        "signature",
        canonical(UNSIGNED | {"signature": receipt(length=1)["signature"]}),
    ),
    ("receipt-with-short-signature", "receipt", "value", canonical(receipt() | {"signature": "AAAA"})),
    ("receipt-of-an-unknown-key", "receipt", "unknown_key", canonical(receipt() | {"key": "receipt-9"})),
    ("receipt-unsigned", "receipt", "fields", canonical(UNSIGNED)),
    ("receipt-version-true", "receipt", "version", canonical(receipt() | {"v": True})),
    ("chunk-empty", "chunk", "too_short", b""),
    ("chunk-without-data", "chunk", "too_short", chunk(b"", 1)),
    ("chunk-of-another-version", "chunk", "version", chunk(MIDDLE, 1, version=2)),
    ("chunk-beyond-the-count", "chunk", "geometry", chunk(MIDDLE, 3)),
    ("chunk-of-none", "chunk", "geometry", chunk(MIDDLE, 0, 0)),
    ("chunk-cut-so-that-the-count-is-wrong", "chunk", "geometry", chunk(MIDDLE[:1000], 1)),
    ("chunk-too-small-pieces", "chunk", "geometry", chunk(bytes(5), 1, 1000)),
    ("chunk-last-with-a-rest", "chunk", "geometry", chunk(LAST[:-1], 2)),
    ("chunk-only-but-cut", "chunk", "geometry", chunk(MIDDLE, 0, 1, 2049)),
    ("chunk-of-a-giant", "chunk", "geometry", chunk(MIDDLE, 1, 3, 2**40)),
    ("chunk-last-longer-than-the-others", "chunk", "geometry", chunk(bytes(3000), 2, 3, 6000)),
]

UP, DOWN = "wardlens/v1/ward-7/up", "wardlens/v1/ward-7/down"
TOPICS: list[tuple[str, str, bytes, str]] = [
    ("an-offer-on-its-topic", f"{UP}/{CAPTURE}/offer", canonical(OFFER), ""),
    ("a-chunk-on-its-topic", f"{UP}/{CAPTURE}/chunk", chunk(FIRST, 0), ""),
    ("a-have-on-its-topic", f"{DOWN}/{CAPTURE}", canonical(HAVE), ""),
    ("a-receipt-on-its-topic", f"{DOWN}/{CAPTURE}", canonical(receipt()), ""),
    ("an-offer-of-another-capture", f"{UP}/{OTHER}/offer", canonical(OFFER), "topic"),
    ("a-chunk-of-another-capture", f"{UP}/{OTHER}/chunk", chunk(FIRST, 0), "topic"),
    ("a-receipt-for-another-capture", f"{DOWN}/{OTHER}", canonical(receipt()), "topic"),
    ("an-offer-on-the-topic-of-chunks", f"{UP}/{CAPTURE}/chunk", canonical(OFFER), "version"),
    ("a-kind-that-is-none", f"{UP}/{CAPTURE}/other", canonical(OFFER), "topic"),
    ("a-device-in-capitals", f"wardlens/v1/WARD-7/up/{CAPTURE}/offer", canonical(OFFER), "topic"),
    ("a-capture-that-is-none", f"{UP}/abc/offer", canonical(OFFER), "topic"),
    ("another-version-of-the-topics", f"wardlens/v2/ward-7/up/{CAPTURE}/offer", canonical(OFFER), "topic"),
    ("one-level-too-many", f"{UP}/{CAPTURE}/offer/more", canonical(OFFER), "topic"),
    ("an-answer-that-is-an-offer", f"{DOWN}/{CAPTURE}", canonical(OFFER), "type"),
    ("an-answer-without-a-type", f"{DOWN}/{CAPTURE}", b"{}", "type"),
]


def vectors() -> dict[str, Any]:
    """What sync.json holds."""
    return {
        "about": "docs/formats/sync.md, version 1. `payload_hex` is the MQTT payload. A refused receipt is refused by "
        "its form or by verification with `receipt_key`. In `topics` a flaw that is empty means accepted.",
        "receipt_key": {
            "name": "receipt-1",
            "private_hex": KEY.private_bytes_raw().hex(),
            "public_hex": KEY.public_key().public_bytes_raw().hex(),
        },
        "valid": [{"name": name, "kind": kind, "payload_hex": data.hex()} for name, kind, data in VALID],
        "refused": [
            {"name": name, "kind": kind, "flaw": flaw, "payload_hex": data.hex()} for name, kind, flaw, data in REFUSED
        ],
        "topics": [
            {"name": name, "topic": topic, "flaw": flaw, "payload_hex": data.hex()}
            for name, topic, data, flaw in TOPICS
        ],
    }
