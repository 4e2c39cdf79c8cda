"""The site manifest as JSON fields, and back. Pure; the fields are docs/formats/site-manifest.md.

Reading is strict: every field is there, none is unknown, every type is exact. It is called only on signed bytes, and
refuses as if they were not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from capture.canonical import from_base64, to_base64
from capture.identifiers import site_id
from provisioning.canonical import field, moment
from provisioning.certificates import from_der, to_der
from provisioning.clock import seconds
from provisioning.roster import Clinician, Role
from provisioning.terms import (
    BrokerAddress,
    Policy,
    Protocol,
    SealingTerm,
    SealingUse,
    SiteManifest,
    check_key_id,
    check_receiver,
)

FORMAT = "wardlens-site-manifest/1"


class FieldUnknown(ValueError):  # noqa: N818 - named for what is known
    """The manifest has a field that this version does not know."""


def write_fields(manifest: SiteManifest) -> dict[str, Any]:
    """`manifest` as JSON values."""
    return {
        "format": FORMAT,
        "site": manifest.site,
        "name": manifest.name,
        "version": manifest.version,
        "issued": seconds(manifest.issued),
        "expires": seconds(manifest.expires),
        "authorities": [_text(to_der(certificate)) for certificate in manifest.authorities],
        "sealing": [{"id": key.key_id, "use": key.use.value, "public": _text(key.public)} for key in manifest.sealing],
        "receipt": [
            {"id": name, "public": _text(key.public_bytes_raw())} for name, key in sorted(manifest.receipt_keys.items())
        ],
        "policy": {"version": manifest.policy.version, "lock_seconds": manifest.policy.lock_seconds},
        "roster": [
            {"badge": one.badge, "name": one.name, "role": one.role.value, "pin": one.pin_hash}
            for one in manifest.roster
        ],
        "broker": {
            "host": manifest.broker.host,
            "port": manifest.broker.port,
            "protocol": manifest.broker.protocol.value,
        },
        "receivers": list(manifest.receivers),
    }


def read_fields(fields: Mapping[str, Any]) -> SiteManifest:
    """The manifest that `fields` hold.

    Raises:
        FieldUnknown: a field that this version does not know.
        ValueError: a field is missing, of the wrong type or not legal.
    """
    _exactly(fields, _TOP)
    if fields["format"] != FORMAT:
        raise ValueError("another format")
    policy, broker = field(fields, "policy", dict), field(fields, "broker", dict)
    _exactly(policy, {"version", "lock_seconds"})
    _exactly(broker, {"host", "port", "protocol"})
    receipts = _records(fields, "receipt", {"id", "public"})
    return SiteManifest(
        site=site_id(field(fields, "site", str)),
        name=field(fields, "name", str),
        version=field(fields, "version", int),
        issued=moment(fields, "issued"),
        expires=moment(fields, "expires"),
        authorities=tuple(_certificate(text) for text in _texts(fields, "authorities")),
        sealing=tuple(
            SealingTerm(field(key, "id", str), SealingUse(key["use"]), _data(key, "public"))
            for key in _records(fields, "sealing", {"id", "use", "public"})
        ),
        receipt_keys=_distinct(
            (check_key_id(field(key, "id", str)), Ed25519PublicKey.from_public_bytes(_data(key, "public")))
            for key in receipts
        ),
        policy=Policy(field(policy, "version", int), field(policy, "lock_seconds", int)),
        roster=tuple(
            Clinician(field(one, "badge", str), field(one, "name", str), Role(one["role"]), field(one, "pin", str))
            for one in _records(fields, "roster", {"badge", "name", "role", "pin"})
        ),
        broker=BrokerAddress(field(broker, "host", str), field(broker, "port", int), Protocol(broker["protocol"])),
        receivers=tuple(check_receiver(name) for name in _texts(fields, "receivers")),
    )


_TOP = {
    *("format", "site", "name", "version", "issued", "expires", "authorities"),
    *("sealing", "receipt", "policy", "roster", "broker", "receivers"),
}


def _text(data: bytes) -> str:
    return to_base64(data)


def _exactly(fields: Mapping[str, Any], names: set[str]) -> None:
    if unknown := fields.keys() - names:
        raise FieldUnknown(f"unknown field {min(unknown)[:40]!r}")
    if missing := names - fields.keys():
        raise ValueError(f"no field {min(missing)!r}")


def _records(fields: Mapping[str, Any], name: str, names: set[str]) -> list[dict[str, Any]]:
    records = field(fields, name, list)
    for record in records:
        if type(record) is not dict:
            raise ValueError(f"{name!r} holds something else than objects")
        _exactly(record, names)
    return records


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    texts = field(fields, name, list)
    if not all(type(text) is str for text in texts):
        raise ValueError(f"{name!r} holds something else than text")
    return texts


def _data(fields: Mapping[str, Any], name: str) -> bytes:
    return from_base64(field(fields, name, str))


def _certificate(text: str) -> x509.Certificate:
    return from_der(from_base64(text))


def _distinct(pairs: Iterable[tuple[str, Ed25519PublicKey]]) -> dict[str, Ed25519PublicKey]:
    found: dict[str, Ed25519PublicKey] = {}
    for name, key in pairs:
        if name in found:
            raise ValueError(f"the key {name} stands twice")
        found[name] = key
    return found
