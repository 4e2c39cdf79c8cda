"""Whether a complete set of chunks is an envelope to file: decided from bytes and keys, with no I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509

from capture.envelope import Envelope, EnvelopeRefused, Refusal, parse_envelope, verify_envelope
from capture.identifiers import SiteId
from sync.protocol import RefusalReason
from sync.receiver.archive import Arrival
from sync.receiver.opening import NotOpenable, Opened, OpeningKey, open_envelope

_REASONS: Final = {
    Refusal.NOT_AN_ENVELOPE: RefusalReason.MALFORMED,
    Refusal.VERSION: RefusalReason.MALFORMED,
    Refusal.TOO_LARGE: RefusalReason.TOO_LARGE,
    Refusal.TRUNCATED: RefusalReason.MALFORMED,
    Refusal.TRAILING: RefusalReason.MALFORMED,
    Refusal.HEADER: RefusalReason.MALFORMED,
    Refusal.SUITE: RefusalReason.MALFORMED,
    Refusal.SIGNATURE_FORM: RefusalReason.BAD_SIGNATURE,
    Refusal.SITE: RefusalReason.WRONG_SITE,
    Refusal.CERTIFICATE: RefusalReason.BAD_SIGNATURE,
    Refusal.AUTHORITY: RefusalReason.BAD_SIGNATURE,
    Refusal.SIGNATURE: RefusalReason.BAD_SIGNATURE,
}
_JPEG: Final = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Proven:
    """An envelope that this device signed for this site, and what was in it."""

    envelope: Envelope
    opened: Opened = field(repr=False)


@dataclass(frozen=True, slots=True)
class Disproven:
    """Why it will not be filed.

    Attributes:
        reason: what the device is told.
        detail: a short fixed word for the log: the rule of docs/formats/envelope.md, or of opening, that it breaks.
    """

    reason: RefusalReason
    detail: str


_NOT_WHAT_WAS_OFFERED: Final = Disproven(RefusalReason.DIGEST_MISMATCH, "digest")


def refusal_for_status(status: str) -> RefusalReason | None:
    """Why nothing is taken from a device of this status; None for an active one."""
    match status:
        case "active":
            return None
        case "revoked":
            return RefusalReason.REVOKED_DEVICE
        case _:
            return RefusalReason.UNKNOWN_DEVICE


def judge(
    data: bytes,
    arrival: Arrival,
    *,
    site: SiteId,
    authorities: Sequence[x509.Certificate],
    keys: Iterable[OpeningKey],
) -> Proven | Disproven:
    """Whether `data` is what was offered, by whom it was offered, and what is in it.

    The order is the security: bytes against their digest, then form, then whose, then the signature, and only then is
    anything decrypted.
    """
    envelope = _verified(data, arrival, site=site, authorities=authorities)
    if isinstance(envelope, Disproven):
        return envelope
    try:
        opened = open_envelope(envelope, keys)
    except NotOpenable as refused:
        return Disproven(RefusalReason.NOT_OPENABLE, refused.reason)
    if not opened.jpeg.startswith(_JPEG):
        return Disproven(RefusalReason.MALFORMED, "not-a-jpeg")
    return Proven(envelope, opened)


def judge_sealed(
    data: bytes,
    arrival: Arrival,
    *,
    site: SiteId,
    authorities: Sequence[x509.Certificate],
    key_ids: Container[str],
) -> Envelope | Disproven:
    """The same without looking into it: it has to be sealed to a key of the site's, named by `key_ids`.

    A receipt makes the device erase its copy, so what no key of the site's will ever open gets none.
    """
    envelope = _verified(data, arrival, site=site, authorities=authorities)
    if isinstance(envelope, Envelope) and not any(to.key_id in key_ids for to in envelope.header.recipients):
        return Disproven(RefusalReason.NOT_OPENABLE, "no-key")
    return envelope


def _verified(
    data: bytes, arrival: Arrival, *, site: SiteId, authorities: Sequence[x509.Certificate]
) -> Envelope | Disproven:
    try:
        envelope = parse_envelope(data)
        if envelope.digest != arrival.digest:
            return _NOT_WHAT_WAS_OFFERED
        if envelope.capture != arrival.capture:
            return Disproven(RefusalReason.MALFORMED, "other-capture")
        if envelope.device != arrival.device:
            # The broker vouches for the topic: somebody else's envelope is not this device's to file.
            return Disproven(RefusalReason.BAD_SIGNATURE, "other-device")
        verify_envelope(envelope, site=site, authorities=authorities)
    except EnvelopeRefused as refused:
        if hashlib.sha256(data).hexdigest() != arrival.digest:
            return _NOT_WHAT_WAS_OFFERED
        return Disproven(_REASONS[refused.reason], refused.reason.value)
    return envelope
