"""What the ledger can say. Nothing else can be written, so nothing about a patient can be.

Each event has its fields and each field its kind; a kind is a form that a name or a note does not fit. Another event is
one more member and one more line in the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

from capture.identifiers import is_badge

MAX_COUNT: Final = 2**53 - 1


class LedgerEvent(StrEnum):
    """What happened."""

    SERVICE_STARTED = "service-started"
    SERVICE_STOPPED = "service-stopped"
    SELF_TESTED = "self-tested"
    LEDGER_RECOVERED = "ledger-recovered"
    LEDGER_BEGUN_ANEW = "ledger-begun-anew"
    VAULT_MENDED = "vault-mended"
    CAPTURE_SEALED = "capture-sealed"
    STILL_DISCARDED = "still-discarded"
    OVERRIDE = "override"
    ENVELOPE_OFFERED = "envelope-offered"
    ENVELOPE_RECEIPTED = "envelope-receipted"
    ENVELOPE_ERASED = "envelope-erased"
    ENVELOPE_PARKED = "envelope-parked"
    RETRIED = "retried"
    EXPORTED = "exported"
    SIGNED_IN = "signed-in"
    SIGN_IN_REFUSED = "sign-in-refused"
    LOCKED = "locked"
    PAIRING_STARTED = "pairing-started"
    PAIRED = "paired"
    PAIRING_FAILED = "pairing-failed"
    MANIFEST_TAKEN = "manifest-taken"
    CERTIFICATE_RENEWED = "certificate-renewed"
    WIPE_STARTED = "wipe-started"
    UPDATE_BEGUN = "update-begun"
    UPDATE_CONFIRMED = "update-confirmed"
    UPDATE_FAILED = "update-failed"


def _matches(pattern: str) -> Callable[[object], bool]:
    form = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNT


class Fact(Enum):
    """What form a field has."""

    CAPTURE = "a capture id: 32 lowercase hex digits"
    COUNT = "a whole number, 0 to 2**53 - 1"
    HASH = "64 lowercase hex digits"
    HEX = "1 to 64 lowercase hex digits"
    SLUG = "1 to 64 lowercase letters, digits and inner hyphens"
    STAFF = "a badge: 1 to 64 letters, digits, dots, hyphens and underscores"
    VERSION = "a version: 1 to 64 digits, letters and . + -"


_FORMS: Final[Mapping[Fact, Callable[[object], bool]]] = MappingProxyType(
    {
        Fact.CAPTURE: _matches(r"[0-9a-f]{32}"),
        Fact.COUNT: _is_count,
        Fact.HASH: _matches(r"[0-9a-f]{64}"),
        Fact.HEX: _matches(r"[0-9a-f]{1,64}"),
        Fact.SLUG: _matches(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"),
        Fact.STAFF: lambda value: isinstance(value, str) and is_badge(value),
        Fact.VERSION: _matches(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}"),
    }
)


@dataclass(frozen=True, slots=True)
class Fields:
    """An event's fields: those it must have, and those it may have."""

    required: Mapping[str, Fact]
    optional: Mapping[str, Fact]


def _fields(optional: Mapping[str, Fact] | None = None, /, **required: Fact) -> Fields:
    return Fields(MappingProxyType(required), MappingProxyType(dict(optional or {})))


FIELDS: Final[Mapping[LedgerEvent, Fields]] = MappingProxyType(
    {
        LedgerEvent.SERVICE_STARTED: _fields({"certificate": Fact.HEX}, version=Fact.VERSION),
        LedgerEvent.SERVICE_STOPPED: _fields(),
        LedgerEvent.SELF_TESTED: _fields({"part": Fact.SLUG}, result=Fact.SLUG, models=Fact.COUNT),
        LedgerEvent.LEDGER_RECOVERED: _fields(bytes_cut=Fact.COUNT, lines_unvouched=Fact.COUNT),
        LedgerEvent.LEDGER_BEGUN_ANEW: _fields(old_file=Fact.HASH),
        LedgerEvent.VAULT_MENDED: _fields(adopted=Fact.COUNT, lost=Fact.COUNT, damaged=Fact.COUNT),
        LedgerEvent.CAPTURE_SEALED: _fields(
            {"clinician": Fact.STAFF, "decisions": Fact.COUNT},
            capture=Fact.CAPTURE,
            digest=Fact.HASH,
            length=Fact.COUNT,
            counter=Fact.COUNT,
        ),
        LedgerEvent.OVERRIDE: _fields(
            {"clinician": Fact.STAFF}, capture=Fact.CAPTURE, action=Fact.SLUG, kind=Fact.SLUG
        ),
        LedgerEvent.STILL_DISCARDED: _fields({"clinician": Fact.STAFF, "reason": Fact.SLUG}),
        LedgerEvent.ENVELOPE_OFFERED: _fields(capture=Fact.CAPTURE, digest=Fact.HASH),
        LedgerEvent.ENVELOPE_RECEIPTED: _fields({"receipt_key": Fact.HEX}, capture=Fact.CAPTURE, digest=Fact.HASH),
        LedgerEvent.ENVELOPE_ERASED: _fields(capture=Fact.CAPTURE, digest=Fact.HASH),
        LedgerEvent.ENVELOPE_PARKED: _fields({"digest": Fact.HASH}, capture=Fact.CAPTURE, reason=Fact.SLUG),
        LedgerEvent.RETRIED: _fields({"clinician": Fact.STAFF, "user": Fact.STAFF}, capture=Fact.CAPTURE),
        LedgerEvent.EXPORTED: _fields({"user": Fact.STAFF}, capture=Fact.CAPTURE),
        LedgerEvent.SIGNED_IN: _fields(clinician=Fact.STAFF),
        LedgerEvent.SIGN_IN_REFUSED: _fields({"reason": Fact.SLUG}),
        LedgerEvent.LOCKED: _fields(clinician=Fact.STAFF, why=Fact.SLUG),
        LedgerEvent.PAIRING_STARTED: _fields(),
        LedgerEvent.PAIRED: _fields(site=Fact.SLUG, device=Fact.SLUG),
        LedgerEvent.PAIRING_FAILED: _fields(),
        LedgerEvent.MANIFEST_TAKEN: _fields({"sealing_key": Fact.HEX}, version=Fact.COUNT),
        LedgerEvent.CERTIFICATE_RENEWED: _fields(serial=Fact.HEX),
        LedgerEvent.WIPE_STARTED: _fields({"clinician": Fact.STAFF}),
        LedgerEvent.UPDATE_BEGUN: _fields(version=Fact.VERSION, command=Fact.COUNT),
        LedgerEvent.UPDATE_CONFIRMED: _fields(version=Fact.VERSION, command=Fact.COUNT),
        LedgerEvent.UPDATE_FAILED: _fields(version=Fact.VERSION, command=Fact.COUNT, reason=Fact.SLUG),
    }
)


def fits(value: object, fact: Fact) -> bool:
    """Whether `value` has that form."""
    return _FORMS[fact](value)


def checked(event: LedgerEvent, facts: Mapping[str, object]) -> dict[str, str | int]:
    """`facts`, which are exactly those of `event`, each in its form.

    Raises:
        ValueError: a field is missing, unknown or of another form. The message names the field, never its value.
    """
    fields = FIELDS[event]
    kinds = {**fields.required, **fields.optional}
    if not fields.required.keys() <= facts.keys() <= kinds.keys():
        raise ValueError(f"{event} takes {sorted(fields.required)}, and may take {sorted(fields.optional)}")
    for name, value in facts.items():
        if not _FORMS[kinds[name]](value):
            raise ValueError(f"{event}: {name} must be {kinds[name].value}")
    return {name: value for name, value in facts.items() if isinstance(value, str | int)}
