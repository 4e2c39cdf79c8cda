"""Makes ledger.json: chains with their heads, whole ones and ones with a fault, each with the first fault expected."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from make_envelope import ORDER, ec_key, named

KEY, STRANGER = ec_key("ledger"), ec_key("another ledger")
EVENTS: list[tuple[str, dict[str, str | int]]] = [
    ("service-started", {"version": "0.1.0"}),
    ("signed-in", {"clinician": "n-17"}),
    (
        "capture-sealed",
        {"capture": named("capture", 16).hex(), "counter": 1, "digest": named("digest").hex(), "length": 48_000},
    ),
    ("locked", {"clinician": "n-17", "why": "idle"}),
    ("service-stopped", {}),
]


def canonical(value: Any) -> bytes:
    """`value` in the one spelling of docs/formats/ledger.md."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def chain(
    events: list[tuple[str, dict[str, str | int]]] = EVENTS, name: str = "camera", start: int = 1_790_000_000_000
) -> list[bytes]:
    """Lines without their ends."""
    lines: list[bytes] = []
    for number, (event, facts) in enumerate(events, start=1):
        previous = hashlib.sha256(lines[-1]).hexdigest() if lines else "0" * 64
        line = {
            "version": 1,
            "chain": name,
            "sequence": number,
            "previous": previous,
            "at_ms": start + 1000 * number,
            "event": event,
            "facts": facts,
        }
        lines.append(canonical(line))
    return lines


def head(
    lines: list[bytes], sequence: int | None = None, key: ec.EllipticCurvePrivateKey = KEY, name: str = "camera"
) -> dict[str, str | int]:
    """What signs for the lines up to `sequence`; ECDSA P-256, deterministic (RFC 6979), low s."""
    at = len(lines) if sequence is None else sequence
    body = {"chain": name, "sequence": at, "hash": hashlib.sha256(lines[at - 1]).hexdigest()}
    message = b"wardlens ledger head 1\n" + canonical(body)
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return {**body, "signature": f"{r:064x}{min(s, ORDER - s):064x}"}


def high(signed: dict[str, str | int]) -> dict[str, str | int]:
    """The other signature that anybody can compute of one: r, n - s."""
    signature = str(signed["signature"])
    return {**signed, "signature": signature[:64] + f"{ORDER - int(signature[64:], 16):064x}"}


def joined(lines: list[bytes]) -> str:
    """A chain's file."""
    return b"".join(line + b"\n" for line in lines).decode()


def _with(lines: list[bytes], place: int, line: bytes) -> list[bytes]:
    return [*lines[: place - 1], line, *lines[place:]]


def faulty() -> list[dict[str, Any]]:
    """Chains with the first line that is wrong, and what is wrong with it."""
    good, other = chain(), chain(name="sync")
    now = head(good)
    edited = _with(good, 3, good[2].replace(b"48000", b"48001"))
    rewritten = chain([*EVENTS[:2], ("still-discarded", {}), *EVENTS[3:]])
    as_text = good[0].replace(b'"sequence":1', b'"sequence":"1"')
    rows = [
        ("the end cut off", "cut", 4, joined(good[:3]), now),
        ("all of it cut off", "cut", 1, "", now),
        ("the first line taken out", "out-of-order", 1, joined(good[1:]), now),
        ("a line taken out", "out-of-order", 3, joined([*good[:2], *good[3:]]), now),
        ("a line put in twice", "out-of-order", 3, joined([*good[:2], good[1], *good[2:]]), now),
        ("two lines changed about", "out-of-order", 3, joined([*good[:2], good[3], good[2], good[4]]), now),
        ("a fact altered", "not-chained", 4, joined(edited), now),
        ("the last fact altered", "replaced", 5, joined(_with(good, 5, good[4].replace(b"stopped", b"started"))), now),
        ("rewritten from a line on", "replaced", 5, joined(rewritten), now),
        ("rewritten and signed anew, seen by an older head", "replaced", 3, joined(rewritten), head(good, 3)),
        ("not JSON", "not-a-line", 2, joined(_with(good, 2, b"hello")), now),
        ("white space in a line", "not-a-line", 2, joined(_with(good, 2, good[1] + b" ")), now),
        ("keys out of order", "not-a-line", 1, joined(_with(good, 1, b'{"version":1,"chain":"camera"}')), now),
        ("a field more", "not-a-line", 1, joined(_with(good, 1, good[0].replace(b'"facts"', b'"a":1,"facts"'))), now),
        ("a line of 5000 bytes", "not-a-line", 2, joined(_with(good, 2, canonical({"a": "b" * 4992}))), now),
        ("a sequence as text", "not-a-line", 1, joined(_with(good, 1, as_text)), now),
        ("the power went in the last line", "torn", 6, joined(good) + good[4].decode()[:40], now),
        ("signed by another key", "head-forged", 5, joined(good), head(good, key=STRANGER)),
        ("the signature's other form", "head-forged", 5, joined(good), high(now)),
        ("a head for other lines", "head-forged", 5, joined(good), now | {"hash": "0" * 64}),
        ("another chain's lines", "head-of-another", 1, joined(other), now),
    ]  # fmt: skip
    return [
        {"name": name, "fault": fault, "line": line, "lines": lines, "head": signed}
        for name, fault, line, lines, signed in rows
    ]


def vectors() -> dict[str, Any]:
    """What ledger.json holds."""
    good = chain()
    first = json.loads(canonical(head(good)))
    return {
        "format": "docs/formats/ledger.md, version 1",
        "public_key": KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex(),
        "whole": [
            {"name": "five events", "lines": joined(good), "head": first, "beyond": 0},
            {"name": "an older head", "lines": joined(good), "head": head(good, 3), "beyond": 2},
            {"name": "one event", "lines": joined(good[:1]), "head": head(good[:1]), "beyond": 0},
            {
                "name": "a clock that went back",
                "lines": joined(back := chain(start=0)),
                "head": head(back),
                "beyond": 0,
            },
        ],
        "faulty": faulty(),
        "refused_heads": [
            {"name": name, "head": first | change}
            for name, change in {
                "sequence 0": {"sequence": 0},
                "sequence beyond 2^53": {"sequence": 2**53},
                "sequence as text": {"sequence": "5"},
                "a chain with a capital": {"chain": "Camera"},
                "a hash too short": {"hash": "ab"},
                "a signature too long": {"signature": "ab" * 65},
                "a head with a field more": {"at_ms": 1},
            }.items()
        ],
    }
