"""Makes enrolment.json: the proof and the six digits of docs/formats/enrolment.md, computed with `hashlib` alone."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any


def spell(*parts: bytes) -> bytes:
    """Each part after its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def case(  # noqa: PLR0917 - one row of a table
    name: str, invitation: str, requests: tuple[bytes, bytes], device: str, secret: bytes, root: bytes, server: bytes
) -> dict[str, str]:
    """What both ends compute of one application."""
    asked = (invitation.encode(), *requests, device.encode())
    seen = hashlib.sha256(spell(b"wardlens enrolment digits v1", root, server, *asked)).digest()
    return {
        "name": name,
        "invitation": invitation,
        "identity_request": requests[0].hex(),
        "signing_request": requests[1].hex(),
        "device_name": device,
        "secret": secret.hex(),
        "root_hash": root.hex(),
        "server_hash": server.hex(),
        "proof": hmac.digest(secret, spell(b"wardlens enrolment proof v1", server, *asked), "sha256").hex(),
        "digits": f"{int.from_bytes(seen[:8], 'big') % 1_000_000:06}",
    }


def vectors() -> dict[str, Any]:
    """What enrolment.json holds."""
    requests = b"\x30\x03\x02\x01\x01", b"\x30\x03\x02\x01\x02"
    secret, zeros, ones = bytes(range(64, 80)), bytes(32), b"\x11" * 32
    return {
        "format": "docs/formats/enrolment.md",
        "cases": [
            case("a device on a ward", "0123456789abcdef", requests, "Ward 7", secret, zeros, ones),
            case(
                "a name beyond ASCII",
                "fedcba9876543210",
                (b"\x30", b"\x31"),
                "Höhenklinik 北 3",
                bytes(16),
                b"\xff" * 32,
                b"\xfe" * 32,
            ),
            case("another TLS server", "0123456789abcdef", requests, "Ward 7", secret, zeros, b"\x12" * 32),
            case("another root", "0123456789abcdef", requests, "Ward 7", secret, b"\x01" + bytes(31), ones),
            case("the requests changed about", "0123456789abcdef", requests[::-1], "Ward 7", secret, zeros, ones),
        ],
    }
