"""The part of an envelope that anyone may read. Nothing in it is about a patient."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from capture.canonical import from_base64, from_canonical, to_base64, to_canonical
from capture.envelope.suites import KEY_SUITE, NONCE_BYTES, SIGNATURE_SUITE, WRAPPED_BYTES, BodySuite
from capture.errors import EnvelopeRefused, Refusal
from capture.identifiers import CaptureId, DeviceId, SiteId, capture_id, device_id, site_id

MAX_HEADER: Final = 64 * 1024
MAX_RECIPIENTS: Final = 8
MAX_CERTIFICATES: Final = 3
MAX_CERTIFICATE_BYTES: Final = 4096
MAX_COUNTER: Final = 2**53 - 1

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NONCE = re.compile(rf"[0-9a-f]{{{2 * NONCE_BYTES}}}", re.ASCII)
_FIELDS: Final = frozenset(
    {
        "body_suite",
        "capture",
        "certificates",
        "commitment",
        "counter",
        "device",
        "key_suite",
        "nonce",
        "recipients",
        "signature_suite",
        "site",
    }
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open: the id of a sealing key, and the content key wrapped for it (HPKE's enc, then its ciphertext)."""

    key_id: str
    wrapped: bytes

    def __post_init__(self) -> None:
        if not _HASH.fullmatch(self.key_id):
            raise ValueError("a recipient's key id is 64 lowercase hex digits")
        if len(self.wrapped) != WRAPPED_BYTES:
            raise ValueError(f"a wrapped content key is {WRAPPED_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Header:
    """An envelope's header.

    Attributes:
        capture, device, site: whose and which.
        counter: the device's own count, 1 to 2**53 - 1; always rising, gaps allowed.
        body_suite: the AEAD of the body.
        nonce: its nonce, 12 bytes.
        commitment: hash of the content key, 64 hex digits.
        recipients: who can open, 1 to 8, no key twice.
        certificates: DER, the device's signing certificate first, then its issuers; 1 to 3.

    Raises:
        ValueError: anything outside these bounds.
    """

    capture: CaptureId
    device: DeviceId
    site: SiteId
    counter: int
    body_suite: BodySuite
    nonce: bytes
    commitment: str
    recipients: tuple[Recipient, ...]
    certificates: tuple[bytes, ...]

    def __post_init__(self) -> None:
        capture_id(self.capture)
        device_id(self.device)
        site_id(self.site)
        if not 1 <= self.counter <= MAX_COUNTER:
            raise ValueError("a counter lies in 1..2**53-1")
        if len(self.nonce) != NONCE_BYTES:
            raise ValueError(f"a nonce is {NONCE_BYTES} bytes")
        if not _HASH.fullmatch(self.commitment):
            raise ValueError("a commitment is 64 lowercase hex digits")
        if not 1 <= len(self.recipients) <= MAX_RECIPIENTS:
            raise ValueError(f"an envelope has 1 to {MAX_RECIPIENTS} recipients")
        if len({recipient.key_id for recipient in self.recipients}) != len(self.recipients):
            raise ValueError("an envelope names a recipient once")
        if not 1 <= len(self.certificates) <= MAX_CERTIFICATES:
            raise ValueError(f"an envelope carries 1 to {MAX_CERTIFICATES} certificates")
        if not all(1 <= len(der) <= MAX_CERTIFICATE_BYTES for der in self.certificates):
            raise ValueError(f"a certificate is 1 to {MAX_CERTIFICATE_BYTES} bytes")

    def to_bytes(self) -> bytes:
        """Canonical JSON, as it stands in the envelope."""
        return to_canonical(
            {
                "body_suite": self.body_suite.value,
                "capture": self.capture,
                "certificates": [to_base64(der) for der in self.certificates],
                "commitment": self.commitment,
                "counter": self.counter,
                "device": self.device,
                "key_suite": KEY_SUITE,
                "nonce": self.nonce.hex(),
                "recipients": [{"key": r.key_id, "wrapped": to_base64(r.wrapped)} for r in self.recipients],
                "signature_suite": SIGNATURE_SUITE,
                "site": self.site,
            }
        )


def parse_header(data: bytes) -> Header:
    """The header that `data` spells. The caller bounds `data` to 64 KiB.

    Raises:
        EnvelopeRefused: HEADER for anything that is not exactly one header in its one spelling, SUITE for a suite we
            do not know.
    """
    try:
        fields = from_canonical(data)
        if not isinstance(fields, dict) or fields.keys() != _FIELDS:
            raise ValueError("a header has exactly the documented fields")
        suite = _suite(fields)
        return Header(
            capture=capture_id(_text(fields["capture"])),
            device=device_id(_text(fields["device"])),
            site=site_id(_text(fields["site"])),
            counter=_whole(fields["counter"]),
            body_suite=suite,
            nonce=_nonce(_text(fields["nonce"])),
            commitment=_text(fields["commitment"]),
            recipients=tuple(_recipient(entry) for entry in _list(fields["recipients"], MAX_RECIPIENTS)),
            certificates=tuple(from_base64(_text(entry)) for entry in _list(fields["certificates"], MAX_CERTIFICATES)),
        )
    except ValueError as error:
        raise EnvelopeRefused(Refusal.HEADER, f"The envelope's header is not a valid one: {error}.") from error


def _suite(fields: Mapping[str, Any]) -> BodySuite:
    known = {suite.value: suite for suite in BodySuite}
    body = known.get(_text(fields["body_suite"]))
    if body is None or fields["key_suite"] != KEY_SUITE or fields["signature_suite"] != SIGNATURE_SUITE:
        raise EnvelopeRefused(
            Refusal.SUITE, "The envelope names algorithms this version does not know. Update Wardlens."
        )
    return body


def _recipient(entry: object) -> Recipient:
    if not isinstance(entry, dict) or entry.keys() != {"key", "wrapped"}:
        raise ValueError("a recipient has a key and a wrapped content key")
    return Recipient(_text(entry["key"]), from_base64(_text(entry["wrapped"])))


def _nonce(text: str) -> bytes:
    if not _NONCE.fullmatch(text):
        raise ValueError(f"a nonce is {2 * NONCE_BYTES} lowercase hex digits")
    return bytes.fromhex(text)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a field that must be text is not")  # noqa: TRY004 - a peer's mistake, one family
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError("a field that must be a whole number is not")
    return value


def _list(value: object, most: int) -> list[object]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError("a list that is none, or too long")
    return value
