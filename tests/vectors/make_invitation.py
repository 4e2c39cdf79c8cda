"""Makes invitation.json: lines that are invitations, and lines that are none, each with the refusal expected.

It packs the bytes of docs/formats/invitation.md by itself, with none of Wardlens's encoders.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from typing import Any

SECRET, ROOT, SEALING = bytes(range(64, 80)), bytes(range(32)), bytes(range(32, 64))
NOT_BEFORE = 1_772_366_400


def body(
    site: bytes = b"a",
    host: bytes = b"b",
    *,
    port: int = 1,
    not_before: int = NOT_BEFORE,
    minutes: int = 1,
    host_length: int | None = None,
) -> bytes:
    """All but the checksum."""
    fixed = struct.pack(">16s32s32sIHH", SECRET, ROOT, SEALING, not_before, minutes, port)
    return fixed + bytes([len(site)]) + site + bytes([len(host) if host_length is None else host_length]) + host


def letters(data: bytes) -> str:
    """Base32 without padding."""
    return base64.b32encode(data).decode().rstrip("=")


def checksum(data: bytes) -> bytes:
    """The four bytes that follow the body."""
    return hashlib.sha256(b"WARDLENS1:" + data).digest()[:4]


def line(data: bytes) -> str:
    """The line that carries a body."""
    return "WARDLENS1:" + letters(data + checksum(data))


def valid(name: str, site: str, host: str, port: int, *, minutes: int = 15, not_before: int = NOT_BEFORE) -> Any:
    """A line and what it says."""
    made = line(body(site.encode(), host.encode(), port=port, minutes=minutes, not_before=not_before))
    return {
        "name": name,
        "line": made,
        "says": {
            "site": site,
            "address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "root_hash": ROOT.hex(),
            "sealing_hash": SEALING.hex(),
            "not_before": not_before,
            "minutes": minutes,
            "secret": SECRET.hex(),
            "id": hmac.digest(SECRET, b"wardlens invitation id v1", "sha256")[:8].hex(),
        },
    }


def broken() -> list[tuple[str, str, str]]:
    """(name, line, refusal)."""
    good_body = body(b"north-hospital", b"enrol.north.example", port=8443, minutes=15)
    good = line(good_body)
    damaged = {
        "nothing": "",
        "only the prefix": "WARDLENS1:",
        "not an invitation": "https://north.example/",
        "the last letter missing": good[:-1],
        "the first letter missing": good[1:],
        "one letter misread": good[:40] + ("B" if good[40] != "B" else "C") + good[41:],
        "lower case": good.lower(),
        "padding written": good + "=",
        "a space inside": f"{good[:50]} {good[50:]}",
        "a second line": f"{good}\n{good}",
        "bits after the end": _with_stray_bits(line(body())),
        "a byte after the end": line(good_body + b"\x00"),
        "checksum of another line": "WARDLENS1:" + letters(good_body + checksum(body())),
        "an empty site": line(body(site=b"")),
        "a site with a capital": line(body(site=b"North")),
        "a site that is not ASCII": line(body(site="nörd".encode())),
        "a site with a hyphen at its end": line(body(site=b"north-")),
        "an empty host": line(body(host=b"")),
        "a host with a slash": line(body(host=b"a/b")),
        "a host with a capital": line(body(host=b"North")),
        "port 0": line(body(port=0)),
        "a window of no minutes": line(body(minutes=0)),
        "a window of more than a week": line(body(minutes=10_081)),
        "the host's length past the end": line(body(host_length=200)),
        "cut after the hashes": line(good_body[:80]),
        "longer than any invitation": "WARDLENS1:" + "A" * 601,
        "version 0": good.replace("WARDLENS1", "WARDLENS0"),
        "version 01": good.replace("WARDLENS1", "WARDLENS01"),
    }
    other = {"version 2": good.replace("WARDLENS1", "WARDLENS2"), "version 17": "WARDLENS17:ABCD"}
    return [(name, made, "InvitationDamaged") for name, made in damaged.items()] + [
        (name, made, "InvitationOtherVersion") for name, made in other.items()
    ]


def _with_stray_bits(made: str) -> str:
    """The same bytes in another spelling: the last letter carries bits that belong to no byte."""
    data = base64.b32decode(made.partition(":")[2] + "=" * (-len(made.partition(":")[2]) % 8))
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567":
        other = made[:-1] + letter
        text = other.partition(":")[2]
        if other != made and base64.b32decode(text + "=" * (-len(text) % 8)) == data:
            return other
    raise AssertionError("this line's last letter has no bits to spare")


def vectors() -> dict[str, Any]:
    """What invitation.json holds."""
    return {
        "format": "docs/formats/invitation.md",
        "valid": [
            valid("a name and a port", "north-hospital", "enrol.north.example", 8443),
            valid("an IPv4 address", "north-hospital", "10.1.2.3", 443),
            valid("an IPv6 address", "north-hospital", "fd00::7", 8443),
            valid("the shortest names, the shortest window", "a", "b", 1, minutes=1),
            valid(
                "the longest window, the last moment",
                "north-hospital",
                "enrol.north.example",
                8443,
                minutes=10_080,
                not_before=2**32 - 1,
            ),
            valid("the largest port, the first moment", "a1-b2", "b", 65_535, not_before=0),
        ],
        "broken": [{"name": name, "line": made, "refusal": refusal} for name, made, refusal in broken()],
    }
