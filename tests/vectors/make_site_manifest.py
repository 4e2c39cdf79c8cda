"""Makes site-manifest.json: a site's manifest, and what a device must not believe, each with the reason expected."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from make_envelope import BREAK_GLASS_KEY, SITE_KEY, named

ISSUED = 1_772_366_400
YEAR = 365 * 86_400
ORDER_384 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
DETERMINISTIC = ec.ECDSA(SHA384(), deterministic_signing=True)


def authority_key(name: str) -> ec.EllipticCurvePrivateKey:
    """A P-384 key that depends on nothing but its name."""
    return ec.derive_private_key(int.from_bytes(named(name, 48), "big") % (ORDER_384 - 1) + 1, ec.SECP384R1())


def authority(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """A CA's certificate."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(int.from_bytes(named(f"serial of {subject} by {issuer}", 8), "big") >> 1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=5 * 365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(issuer_key, SHA384(), ecdsa_deterministic=True)
    )


def text(data: bytes) -> str:
    """Base64 with padding."""
    return base64.b64encode(data).decode()


ROOT_KEY, STRANGER_KEY, ISSUING_KEY = (authority_key(n) for n in ("manifest root", "another root", "manifest CA"))
ROOT = authority("Root", ROOT_KEY, "Root", ROOT_KEY)
ISSUING = authority("Issuing CA", ISSUING_KEY, "Root", ROOT_KEY)
FOREIGN = authority("Issuing CA", ISSUING_KEY, "Another root", STRANGER_KEY)
RECEIPT_KEY = Ed25519PrivateKey.from_private_bytes(named("receipt key"))


def sealing(public: bytes, use: str) -> dict[str, str]:
    """One of the manifest's sealing keys."""
    return {"id": hashlib.sha256(public).hexdigest(), "use": use, "public": text(public)}


FIELDS: dict[str, Any] = {
    "format": "wardlens-site-manifest/1",
    "site": "st-elsewhere",
    "name": "St Elsewhere",
    "version": 7,
    "issued": ISSUED,
    "expires": ISSUED + YEAR,
    "authorities": [text(ISSUING.public_bytes(Encoding.DER))],
    "sealing": [
        sealing(SITE_KEY.public.to_bytes(), "site"),
        sealing(BREAK_GLASS_KEY.public.to_bytes(), "break-glass"),
    ],
    "receipt": [{"id": "receipt-1", "public": text(RECEIPT_KEY.public_key().public_bytes_raw())}],
    "policy": {"version": 1, "lock_seconds": 60},
    "roster": [
        {
            "badge": "n-17",
            "name": "Ada Nürse",
            "role": "clinician",
            "pin": "$argon2id$v=19$m=65536,t=3,p=4$d2FyZGxlbnMgc2FsdCAxNg$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        }
    ],
    "broker": {"host": "broker.elsewhere.example", "port": 8883, "protocol": "auto"},
    "receivers": ["receiver-1"],
}


def canonical(value: Any) -> bytes:
    """`value` in the one spelling of docs/formats/site-manifest.md."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed(
    fields: dict[str, Any],
    key: ec.EllipticCurvePrivateKey = ROOT_KEY,
    label: bytes = b"wardlens site manifest v1\n",
) -> bytes:
    """A manifest as devices get it."""
    signature = key.sign(label + canonical(fields), DETERMINISTIC)
    return canonical({"manifest": fields, "signature": text(signature)})


def changed(**changes: Any) -> bytes:
    """The manifest with other values, signed by the root."""
    return signed(FIELDS | changes)


def _without(name: str) -> bytes:
    return signed({key: value for key, value in FIELDS.items() if key != name})


def refused() -> list[dict[str, Any]]:
    """Each with the reason, and what the device knew where that is another than the file's `known`."""
    good = signed(FIELDS)
    swap: Callable[[bytes, bytes], bytes] = lambda old, new: good.replace(old, new, 1)  # noqa: E731 - two words
    clinician = FIELDS["roster"][0]
    huge = "$argon2id$v=19$m=4194304,t=3,p=4$d2FyZGxlbnMgc2FsdCAxNg$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    rows: list[tuple[str, str, bytes] | tuple[str, str, bytes, dict[str, Any]]] = [
        ("nothing", "damaged", b""),
        ("not JSON", "damaged", b"manifest"),
        ("cut short", "damaged", good[:-1]),
        ("white space", "damaged", good + b"\n"),
        ("keys out of order", "damaged", b'{"signature":"","manifest":{}}'),
        ("a key that stands twice", "damaged", swap(b'{"manifest"', b'{"manifest":{},"manifest"')),
        ("a third part", "damaged", swap(b'{"manifest"', b'{"more":1,"manifest"')),
        ("a signature that is not base64", "damaged", canonical({"manifest": FIELDS, "signature": "!"})),
        ("the root's key, but another purpose", "wrong-root", signed(FIELDS, label=b"wardlens something else v1\n")),
        ("another root's signature", "wrong-root", signed(FIELDS, STRANGER_KEY)),
        ("a version altered after it was signed", "wrong-root", swap(b'"version":7}', b'"version":8}')),
        ("a receipt key altered after it was signed", "wrong-root", swap(b"receipt-1", b"receipt-2")),
        ("an authority of another root", "wrong-root", changed(authorities=[text(FOREIGN.public_bytes(Encoding.DER))])),
        ("another format", "damaged", changed(format="wardlens-site-manifest/2")),
        ("an unknown field", "unknown-field", changed(only_on_sundays=True)),
        ("an unknown field within", "unknown-field", changed(policy={**FIELDS["policy"], "geofence": "ward"})),
        ("a missing field", "damaged", _without("receivers")),
        ("no sealing key", "damaged", changed(sealing=[])),
        ("no receipt key", "damaged", changed(receipt=[])),
        ("no authority", "damaged", changed(authorities=[])),
        ("a sealing key under another's name", "damaged", changed(sealing=[FIELDS["sealing"][0] | {"id": "0" * 64}])),
        ("a sealing key cut short", "damaged", changed(sealing=[sealing(SITE_KEY.public.to_bytes()[:-1], "site")])),
        ("a use that is none", "damaged", changed(sealing=[FIELDS["sealing"][0] | {"use": "everybody"}])),
        ("a receipt key twice", "damaged", changed(receipt=FIELDS["receipt"] * 2)),
        ("a badge twice", "damaged", changed(roster=[clinician, clinician])),
        ("a role that is none", "damaged", changed(roster=[clinician | {"role": "director"}])),
        ("a PIN hash that costs 4 GiB", "damaged", changed(roster=[clinician | {"pin": huge}])),
        ("a screen that never locks", "damaged", changed(policy={"version": 1, "lock_seconds": 86_400})),
        ("a version as text", "damaged", changed(version="7")),
        ("version 0", "damaged", changed(version=0)),
        ("a port that is none", "damaged", changed(broker=FIELDS["broker"] | {"port": 0})),
        ("a receiver with a slash", "damaged", changed(receivers=["a/b"])),
        ("expires before it is issued", "damaged", changed(expires=ISSUED - 1)),
        ("another site's", "wrong-site", changed(site="st-somewhere")),
        ("older than the one known", "rolled-back", good, {"version": 8}),
        ("expired", "expired", good, {"now": ISSUED + YEAR + 1}),
        ("from the future", "not-yet-valid", good, {"now": ISSUED - 3601}),
    ]
    return [
        {"name": row[0], "reason": row[1], "manifest": text(row[2])} | ({"known": row[3]} if len(row) == 4 else {})
        for row in rows
    ]


def vectors() -> dict[str, Any]:
    """What site-manifest.json holds."""
    accepted = {
        "as it is": signed(FIELDS),
        "nobody on the roster, no break-glass key": changed(roster=[], sealing=FIELDS["sealing"][:1]),
        "two receipt keys, as in a rotation": changed(
            receipt=[*FIELDS["receipt"], {"id": "receipt-2", "public": text(named("any 32 bytes"))}]
        ),
        "the first version": changed(version=1),
    }
    return {
        "format": "docs/formats/site-manifest.md, version 1",
        "root": text(ROOT.public_bytes(Encoding.DER)),
        "known": {"site": "st-elsewhere", "version": 1, "now": ISSUED + 60},
        "accepted": [
            {"name": name, "manifest": text(raw), "says": json.loads(raw)["manifest"]} for name, raw in accepted.items()
        ],
        "refused": refused(),
    }
