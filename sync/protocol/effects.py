"""What a device's machine asks its shell to do, in this order, and the works it is given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from capture.identifiers import CaptureId
from sync.protocol.messages import Offer
from sync.protocol.pieces import Upload


@dataclass(frozen=True, slots=True)
class Work:
    """An envelope that waits in the vault.

    Attributes:
        capture, digest, length: which.
        counter: the device's own order; older is smaller.
        urgent: goes before what is not.
        offered: whether the vault already knows that it was offered.
    """

    capture: CaptureId
    digest: str
    length: int
    counter: int
    urgent: bool = False
    offered: bool = False

    @property
    def rank(self) -> tuple[bool, int, str]:
        """Urgent first, then oldest."""
        return (not self.urgent, self.counter, self.capture)


@dataclass(frozen=True, slots=True)
class SendOffer:
    """Publish this offer, with the ledger heads of now; report its acknowledgement under `ticket`."""

    offer: Offer
    ticket: int


@dataclass(frozen=True, slots=True)
class SendChunk:
    """Read this chunk from the vault and publish it; report its acknowledgement under `ticket`."""

    upload: Upload
    index: int
    ticket: int


@dataclass(frozen=True, slots=True)
class MarkOffered:
    """The vault should know that this was offered."""

    capture: CaptureId


@dataclass(frozen=True, slots=True)
class MarkReceipted:
    """The vault should keep this verified receipt, durably, before :class:`Erase` is done."""

    capture: CaptureId
    digest: str
    receipt: bytes


@dataclass(frozen=True, slots=True)
class Erase:
    """The envelope's bytes may go: its receipt is kept."""

    capture: CaptureId


@dataclass(frozen=True, slots=True)
class Park:
    """The vault should keep this, show it, and not offer it again by itself."""

    capture: CaptureId
    reason: str


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The broker stopped acknowledging: throw the connection away and open a new one."""


class Ignored(StrEnum):
    """Why an answer changed nothing: one word for the counter."""

    NOT_OURS = "not_ours"
    UNKNOWN_CAPTURE = "unknown_capture"
    OTHER_DEVICE = "other_device"
    OTHER_SITE = "other_site"
    OTHER_DIGEST = "other_digest"
    OTHER_LENGTH = "other_length"
    OTHER_GEOMETRY = "other_geometry"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    UNASKED = "unasked"


@dataclass(frozen=True, slots=True)
class Ignore:
    """Count it and go on."""

    reason: Ignored


Keep = MarkOffered | MarkReceipted | Erase | Park
"""What the vault and the ledger are told."""

DeviceEffect = SendOffer | SendChunk | Keep | Reconnect | Ignore
DeviceEffects = tuple[DeviceEffect, ...]
