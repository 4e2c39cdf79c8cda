"""The messages that are JSON: offer, have, refusal, a device's state, and whether receivers listen.

Each value has `encode()` and one decoder beside it that gives the value back or raises
:class:`~sync.errors.MessageRefused`; the layouts are docs/formats/sync.md. Receipts have their own module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from capture.identifiers import CaptureId, capture_id
from sync.errors import Flaw, MessageRefused
from sync.protocol.canonical import HEX_64, SLUG, VERSION, Fields, base64_text, encode
from sync.protocol.pieces import MAX_COUNT, MAX_LENGTH, Pieces, Upload

MAX_HEADS: Final = 8
MAX_COUNTER: Final = 2**63 - 1
MOST_MODELS, LONGEST_MODEL = 32, 128
MOST_PARTS, LONGEST_PART = 16, 32
"""How many models and parts of a test a device's state names, and characters of each name and value."""
MAX_LATER_SECONDS: Final = 3600

_SYSTEM: Final = re.compile(r"[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}", re.ASCII)
_TEXT: Final = re.compile(r"[ -~]{0,128}", re.ASCII)


class RefusalReason(StrEnum):
    """Why a receiver refused a capture for good: slugs as the vault keeps them."""

    DIGEST_MISMATCH = "digest-mismatch"
    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad-signature"
    UNKNOWN_DEVICE = "unknown-device"
    REVOKED_DEVICE = "revoked-device"
    WRONG_SITE = "wrong-site"
    NOT_OPENABLE = "not-openable"
    CAPTURE_CONFLICT = "capture-conflict"
    TOO_LARGE = "too-large"
    UNFILEABLE = "unfileable"


@dataclass(frozen=True, slots=True)
class Offer:
    """A device has an envelope to give.

    Attributes:
        upload: which, and in which pieces.
        counter: the device's counter of envelopes.
        heads: the device's signed ledger heads, in the ledger's own JSON form; bounded here, checked by who keeps them.
    """

    upload: Upload
    counter: int
    heads: tuple[Mapping[str, str | int], ...] = ()

    def encode(self) -> bytes:
        """The payload to publish."""
        up = self.upload
        return encode(
            {
                "v": VERSION,
                "type": "offer",
                "capture": up.capture,
                "digest": up.digest,
                "length": up.length,
                "chunk_size": up.chunk_size,
                "count": up.count,
                "counter": self.counter,
                "heads": [dict(head) for head in self.heads],
            }
        )


def decode_offer(payload: bytes) -> Offer:
    """The offer in a payload.

    Raises:
        MessageRefused: anything else than exactly one well-formed offer.
    """
    fields = Fields(payload, "offer")
    upload = _upload(fields)
    if fields.number("count", 1, MAX_COUNT) != upload.count:
        raise MessageRefused(Flaw.GEOMETRY, "the offer's count does not fit its length and chunk size")
    counter = fields.number("counter", 0, MAX_COUNTER)
    heads = tuple(fields.flat(head, keys=12, characters=256) for head in fields.items("heads", MAX_HEADS))
    fields.done()
    return Offer(upload, counter, heads)


@dataclass(frozen=True, slots=True)
class Have:
    """Which chunks of an upload the receivers have.

    Raises:
        ValueError: the set is one of another number of chunks.
    """

    upload: Upload
    pieces: Pieces

    def __post_init__(self) -> None:
        if self.pieces.count != self.upload.count:
            raise ValueError("the set of chunks does not fit the upload")

    def encode(self) -> bytes:
        """The payload to publish."""
        up = self.upload
        return encode(
            {
                "v": VERSION,
                "type": "have",
                "capture": up.capture,
                "digest": up.digest,
                "length": up.length,
                "chunk_size": up.chunk_size,
                "have": base64_text(self.pieces.to_bytes()),
            }
        )


def decode_have(payload: bytes) -> Have:
    """The have in a payload.

    Raises:
        MessageRefused: anything else than exactly one well-formed have.
    """
    fields = Fields(payload, "have")
    upload = _upload(fields)
    pieces = Pieces.from_bytes(upload.count, fields.data("have", 1, -(-MAX_COUNT // 8)))
    fields.done()
    return Have(upload, pieces)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A receiver does not take a capture: not now (`seconds`), or not at all (`reason`).

    Raises:
        ValueError: both or neither.
    """

    capture: CaptureId
    digest: str
    seconds: int | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.reason is None):
            raise ValueError("a refusal is for later or for good")

    def encode(self) -> bytes:
        """The payload to publish."""
        body: dict[str, Any] = {"v": VERSION, "type": "refusal", "capture": self.capture, "digest": self.digest}
        if self.reason is None:
            return encode({**body, "kind": "later", "seconds": self.seconds})
        return encode({**body, "kind": "permanent", "reason": self.reason})


def decode_refusal(payload: bytes) -> Refusal:
    """The refusal in a payload. A reason this version does not know is kept as it was written.

    Raises:
        MessageRefused: anything else than exactly one well-formed refusal.
    """
    fields = Fields(payload, "refusal")
    capture = fields.named("capture", capture_id)
    digest = fields.text("digest", HEX_64)
    match fields.object("kind"):
        case "later":
            refusal = Refusal(capture, digest, seconds=fields.number("seconds", 1, MAX_LATER_SECONDS))
        case "permanent":
            refusal = Refusal(capture, digest, reason=fields.text("reason", SLUG))
        case _:
            raise MessageRefused(Flaw.VALUE, "a refusal is for later or permanent")
    fields.done()
    return refusal


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device tells the fleet's page about itself. Nothing in it is about a patient.

    Attributes:
        version: of its software.
        queued, parked: pictures that wait, and that were refused.
        free_bytes: room for more.
        certificate_days: left of its certificate; negative once it has run out.
        models: name → digest of each model in use.
        self_test: each part of its last test of itself → "passed" or "failed"; empty before the first.
        self_test_at_ms: when that ended, Unix milliseconds by its own clock.
        celsius: how warm it is; None where it does not know.
        oldest_seconds: for how long the oldest of the queued has waited; None where nothing waits.
        system: the version of its system; empty where it has none beside its software.
    """

    version: str
    queued: int
    parked: int
    free_bytes: int
    certificate_days: int
    models: Mapping[str, str] = field(default_factory=dict)
    self_test: Mapping[str, str] = field(default_factory=dict)
    self_test_at_ms: int = 0
    celsius: int | None = None
    oldest_seconds: int | None = None
    system: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", MappingProxyType(dict(self.models)))
        object.__setattr__(self, "self_test", MappingProxyType(dict(self.self_test)))


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device's birth (with facts) or will (without), retained on one topic.

    `session` grows with every connection of the device, so that a will which overtakes the next birth is known as old.
    """

    session: int
    facts: DeviceFacts | None = None

    @property
    def online(self) -> bool:
        """Whether the device says it is there."""
        return self.facts is not None

    def encode(self) -> bytes:
        """The payload to publish."""
        body: dict[str, Any] = {"v": VERSION, "type": "state", "online": self.online, "session": self.session}
        if self.facts is not None:
            body |= {
                "version": self.facts.version,
                "queued": self.facts.queued,
                "parked": self.facts.parked,
                "free_bytes": self.facts.free_bytes,
                "certificate_days": self.facts.certificate_days,
                "models": dict(self.facts.models),
                "self_test": dict(self.facts.self_test),
                "self_test_at_ms": self.facts.self_test_at_ms,
            }
            if self.facts.celsius is not None:
                body["celsius"] = self.facts.celsius
            if self.facts.oldest_seconds is not None:
                body["oldest_seconds"] = self.facts.oldest_seconds
            if self.facts.system:
                body["system"] = self.facts.system
        return encode(body)


def decode_state(payload: bytes) -> DeviceState:
    """The device state in a payload.

    Raises:
        MessageRefused: anything else than exactly one well-formed state.
    """
    fields = Fields(payload, "state")
    session = fields.number("session", 0, MAX_COUNTER)
    facts = None
    if fields.flag("online"):
        facts = DeviceFacts(
            version=fields.text("version", _TEXT),
            queued=fields.number("queued", 0, MAX_COUNTER),
            parked=fields.number("parked", 0, MAX_COUNTER),
            free_bytes=fields.number("free_bytes", 0, MAX_COUNTER),
            certificate_days=fields.number("certificate_days", -36500, 36500),
            models=fields.texts("models", keys=MOST_MODELS, characters=LONGEST_MODEL),
            self_test=fields.texts("self_test", keys=MOST_PARTS, characters=LONGEST_PART),
            self_test_at_ms=fields.number("self_test_at_ms", 0, MAX_COUNTER),
            celsius=fields.number("celsius", -50, 150) if fields.has("celsius") else None,
            oldest_seconds=fields.number("oldest_seconds", 0, MAX_COUNTER) if fields.has("oldest_seconds") else None,
            system=fields.text("system", _SYSTEM) if fields.has("system") else "",
        )
    fields.done()
    return DeviceState(session, facts)


@dataclass(frozen=True, slots=True)
class Receivers:
    """Whether somebody listens. Each receiver says so when it comes, and its will says so when it goes."""

    present: bool
    receiver: str
    session: int

    def encode(self) -> bytes:
        """The payload to publish, retained."""
        return encode(
            {
                "v": VERSION,
                "type": "receivers",
                "present": self.present,
                "receiver": self.receiver,
                "session": self.session,
            }
        )


def decode_receivers(payload: bytes) -> Receivers:
    """The receivers message in a payload.

    Raises:
        MessageRefused: anything else than exactly one well-formed message.
    """
    fields = Fields(payload, "receivers")
    present = fields.flag("present")
    receiver = fields.text("receiver", SLUG)
    session = fields.number("session", 0, MAX_COUNTER)
    fields.done()
    return Receivers(present, receiver, session)


def _upload(fields: Fields) -> Upload:
    return Upload(
        fields.named("capture", capture_id),
        fields.text("digest", HEX_64),
        fields.number("length", 1, MAX_LENGTH),
        fields.number("chunk_size", 1, MAX_LENGTH),
    )
