"""Makes site-command.json: commands of a site and results of a device, and what neither must believe, and why."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from make_envelope import named
from make_site_manifest import ROOT, ROOT_KEY, STRANGER_KEY, canonical, text

ISSUED = 1_772_366_400
WEEK = 7 * 86_400
ORDER_256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
COMMAND: dict[str, Any] = {
    "format": "wardlens-site-command/1",
    "site": "st-elsewhere",
    "device": "wl-0123456789",
    "number": ISSUED,
    "name": "wipe",
    "argument": "",
    "issued": ISSUED,
    "expires": ISSUED + WEEK,
}
RESULT: dict[str, Any] = {
    "format": "wardlens-command-result/1",
    "site": "st-elsewhere",
    "device": "wl-0123456789",
    "number": ISSUED,
    "outcome": "done",
    "sentence": "Everything is wiped, the keys first.",
    "at": ISSUED + 90,
}


def device_key(name: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that depends on nothing but its name."""
    return ec.derive_private_key(int.from_bytes(named(name), "big") % (ORDER_256 - 1) + 1, ec.SECP256R1())


IDENTITY_KEY, OTHER_KEY = device_key("command identity key"), device_key("another identity key")


def commanded(
    fields: dict[str, Any],
    key: ec.EllipticCurvePrivateKey = ROOT_KEY,
    label: bytes = b"wardlens site command v1\n",
) -> bytes:
    """A command as the device gets it."""
    return signed("command", fields, label, key, SHA384())


def answered(
    fields: dict[str, Any],
    key: ec.EllipticCurvePrivateKey = IDENTITY_KEY,
    label: bytes = b"wardlens command result v1\n",
) -> bytes:
    """A result as the site gets it."""
    return signed("result", fields, label, key, SHA256())


def signed(
    part: str, fields: dict[str, Any], label: bytes, key: ec.EllipticCurvePrivateKey, hashed: HashAlgorithm
) -> bytes:
    """The fields and their signature, spelt as both sides spell them."""
    signature = key.sign(label + canonical(fields), ec.ECDSA(hashed, deterministic_signing=True))
    return canonical({part: fields, "signature": text(signature)})


def refused_commands() -> list[dict[str, Any]]:
    """Each with the reason, and what the device knew where that is another than the file's `known`."""
    good = commanded(COMMAND)
    more = {key: value for key, value in COMMAND.items() if key != "argument"}
    rows: list[tuple[str, str, bytes] | tuple[str, str, bytes, dict[str, Any]]] = [
        ("nothing", "damaged", b""),
        ("cut short", "damaged", good[:-1]),
        ("white space", "damaged", good + b"\n"),
        ("a third part", "damaged", good.replace(b'{"command"', b'{"also":1,"command"', 1)),
        ("a signature that is not base64", "damaged", canonical({"command": COMMAND, "signature": "!"})),
        ("longer than 4 KiB", "too-large", good + b" " * 4096),
        ("another root's signature", "wrong-root", commanded(COMMAND, STRANGER_KEY)),
        (
            "the root's key, but a manifest's label",
            "wrong-root",
            commanded(COMMAND, label=b"wardlens site manifest v1\n"),
        ),
        ("altered after it was signed", "wrong-root", good.replace(b'"argument":""', b'"argument":"even-unsent"')),
        ("another format", "damaged", commanded(COMMAND | {"format": "wardlens-site-command/2"})),
        ("an unknown field", "damaged", commanded(COMMAND | {"only_on_sundays": True})),
        ("a missing field", "damaged", commanded(more)),
        ("a name that is none", "damaged", commanded(COMMAND | {"name": "explode"})),
        (
            "an argument of another command",
            "damaged",
            commanded(COMMAND | {"name": "renew", "argument": "even-unsent"}),
        ),
        ("a new name that is none", "damaged", commanded(COMMAND | {"name": "rename", "argument": ""})),
        *(
            (f"a new system, {what}", "damaged", commanded(COMMAND | {"name": "update", "argument": argument}))
            for what, argument in {
                "of no version": f"newest 283115520 {'ab' * 32}",
                "of a version of two numbers": f"2026.48 283115520 {'ab' * 32}",
                "of a version with a zero before it": f"2026.048.1 283115520 {'ab' * 32}",
                "of no length": f"2026.48.1 {'ab' * 32}",
                "of no bytes": f"2026.48.1 0 {'ab' * 32}",
                "longer than 4 GiB": f"2026.48.1 4294967297 {'ab' * 32}",
                "with half a digest": f"2026.48.1 283115520 {'ab' * 16}",
                "with a digest in capitals": f"2026.48.1 283115520 {'AB' * 32}",
                "with two spaces": f"2026.48.1  283115520 {'ab' * 32}",
            }.items()
        ),
        ("number 0", "damaged", commanded(COMMAND | {"number": 0})),
        ("a number as text", "damaged", commanded(COMMAND | {"number": "7"})),
        ("expires when it is issued", "damaged", commanded(COMMAND | {"expires": ISSUED})),
        ("another site's", "wrong-site", commanded(COMMAND | {"site": "st-somewhere"})),
        ("another device's", "wrong-device", commanded(COMMAND | {"device": "wl-9876543210"})),
        ("the same again", "repeated", good, {"last": ISSUED}),
        ("an older one", "repeated", good, {"last": ISSUED + 1}),
        ("expired", "expired", good, {"now": ISSUED + WEEK + 1}),
        ("from the future", "not-yet-valid", good, {"now": ISSUED - 3601}),
    ]
    return [
        {"name": row[0], "reason": row[1], "command": text(row[2])} | ({"known": row[3]} if len(row) == 4 else {})
        for row in rows
    ]


def refused_results() -> list[dict[str, Any]]:
    """Each with the reason."""
    good = answered(RESULT)
    rows = [
        ("another device's signature", "wrong-root", answered(RESULT, OTHER_KEY)),
        ("the device's key, but another label", "wrong-root", answered(RESULT, label=b"wardlens something else v1\n")),
        ("an outcome altered after it was signed", "wrong-root", good.replace(b'"done"', b'"failed"')),
        ("an outcome that is none", "damaged", answered(RESULT | {"outcome": "maybe"})),
        ("no sentence", "damaged", answered(RESULT | {"sentence": ""})),
        ("a sentence of two lines", "damaged", answered(RESULT | {"sentence": "Wiped.\nReally."})),
        ("of another site", "wrong-site", answered(RESULT | {"site": "st-somewhere"})),
        ("in another device's name", "wrong-device", answered(RESULT | {"device": "wl-9876543210"})),
    ]
    return [{"name": f"result: {name}", "reason": reason, "result": text(raw)} for name, reason, raw in rows]


def vectors() -> dict[str, Any]:
    """What site-command.json holds."""
    commands = {
        "a wipe that asks about pictures": COMMAND,
        "a wipe that does not": COMMAND | {"argument": "even-unsent"},
        "a self-test": COMMAND | {"name": "self-test"},
        "a renewal": COMMAND | {"name": "renew"},
        "a new system": COMMAND | {"name": "update", "argument": f"2026.48.1 283115520 {'ab' * 32}"},
        "a new name": COMMAND | {"name": "rename", "argument": "Ward 9, Wundzimmer für Gäste"},
    }
    results = {
        "result: done": RESULT,
        "result: refused": RESULT
        | {"outcome": "refused", "sentence": "3 pictures wait that the hospital has not got."},
        "result: failed": RESULT | {"outcome": "failed", "sentence": "The camera is dark."},
    }
    return {
        "format": 'docs/formats/enrolment.md, "Commands", version 1',
        "root": text(ROOT.public_bytes(Encoding.DER)),
        "identity_key": text(IDENTITY_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        "known": {"site": "st-elsewhere", "device": "wl-0123456789", "last": ISSUED - 1, "now": ISSUED + 60},
        "accepted": [
            {"name": name, "command": text(commanded(fields)), "says": fields} for name, fields in commands.items()
        ],
        "refused": refused_commands(),
        "results": [
            {"name": name, "result": text(answered(fields)), "says": fields} for name, fields in results.items()
        ],
        "broken": refused_results(),
    }
