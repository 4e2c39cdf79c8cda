"""What the archive takes and gives: plain frozen values, no rows and no handles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from capture.identifiers import CaptureId, DeviceId, SiteId


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """Where the archive lies.

    Attributes:
        database: `sqlite:///PATH` or `postgresql+psycopg://…`.
        objects: a folder, or `s3://bucket/prefix`.
        object_options: for a bucket: endpoint, region and the like, by the object store's own names.
    """

    database: str
    objects: str
    object_options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def in_folder(cls, folder: Path) -> ArchiveSettings:
        """Both in one folder: what a first look and a small site use."""
        place = folder.absolute()
        return cls(database=f"sqlite:///{place / 'archive.sqlite'}", objects=str(place / "objects"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one device may do, so that a broken one can neither fill the archive nor keep receivers from the others.

    Attributes:
        open_uploads: captures begun and not complete.
        open_bytes: the bytes these captures announce, together.
        filed_bytes_a_day: of envelopes filed within 24 hours; beyond it the device waits.
        quarantined_bytes: of envelopes kept as evidence; beyond it only the row is kept.
        quarantined_rows: of refusals on record; beyond it they are answered and logged only.
        attempts: at filing a complete capture; beyond it the capture is refused and the device parks it. Also at
            opening a sealed one; beyond it the capture is set aside.
        lines_of_a_chain: of its ledger that heads are kept for; the oldest go, and the newest stand for them.
        forget_after_ms: an upload untouched for so long is thrown away; the device sends it again.
    """

    open_uploads: int = 32
    open_bytes: int = 256 * 1024 * 1024
    filed_bytes_a_day: int = 32 * 1024 * 1024 * 1024
    quarantined_bytes: int = 256 * 1024 * 1024
    quarantined_rows: int = 1_000
    attempts: int = 10
    lines_of_a_chain: int = 10_000
    forget_after_ms: int = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """One envelope on its way: which device sends it, which capture it is, and the digest of its bytes."""

    device: DeviceId
    capture: CaptureId
    digest: str


class Opening(StrEnum):
    """Whether somebody with the key has looked into a capture's envelope."""

    SEALED = "sealed"
    OPENED = "opened"
    NOT_OPENABLE = "not-openable"


OPENINGS: Final[Mapping[Opening, frozenset[Opening]]] = {
    Opening.SEALED: frozenset({Opening.OPENED, Opening.NOT_OPENABLE}),
    Opening.NOT_OPENABLE: frozenset({Opening.SEALED}),
    Opening.OPENED: frozenset(),
}
"""What each state may become. Only a person's asking makes one that was not openable wait again."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was in an envelope, as its row has it; the picture itself is an object and durable already."""

    taken_at_ms: int | None
    patient: str
    body_site: str
    laterality: str | None
    series: str
    urgent: bool
    picture_digest: str
    picture_length: int
    manifest: bytes


UNREAD: Final = Contents(None, "", "", None, "", urgent=False, picture_digest="", picture_length=0, manifest=b"")
"""What the row of a sealed capture says of its contents."""


@dataclass(frozen=True, slots=True)
class NewCapture:
    """A verified capture, ready to be filed; its objects are durable already.

    Attributes:
        contents: what was in it; None when it is filed sealed.
    """

    capture: CaptureId
    device: DeviceId
    site: SiteId
    digest: str
    length: int
    counter: int
    received_at_ms: int
    contents: Contents | None


@dataclass(frozen=True, slots=True)
class NewReceipt:
    """A signed receipt and where it goes."""

    key_id: str
    receipt: bytes
    topic: str


@dataclass(frozen=True, slots=True)
class FiledReceipt:
    """The receipt of a capture that is filed, byte for byte as first signed.

    Attributes:
        device: the one that sent the capture.
        digest: of the envelope that is filed.
        outbox: the row that says it has still to be sent, if there is one.
    """

    capture: CaptureId
    device: DeviceId
    digest: str
    key_id: str
    receipt: bytes
    outbox: int | None = None


class Filing(StrEnum):
    """What became of a capture that was to be filed."""

    FILED = "filed"
    ALREADY_FILED = "already-filed"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class FiledCapture:
    """A capture as the archive holds it.

    Attributes:
        filed: grows with every capture; the order of the list.
        manifest: the bytes that were inside the envelope; docs/formats/capture-manifest.md. Empty, as all that is
            known from inside, unless it is opened.
        series: of which wound of this patient it is one picture; empty where nobody said.
        receipt: as sent to the device.
        opening: whether it is opened.
        opening_reason: why it could not be: a short fixed word.
    """

    filed: int
    capture: CaptureId
    device: DeviceId
    site: SiteId
    digest: str
    length: int
    counter: int
    received_at_ms: int
    taken_at_ms: int | None
    patient: str
    body_site: str
    laterality: str | None
    series: str
    urgent: bool
    picture_digest: str
    picture_length: int
    manifest: bytes
    receipt: bytes
    receipt_key_id: str
    opening: Opening = Opening.OPENED
    opening_reason: str | None = None

    @property
    def opened(self) -> bool:
        """Whether its picture and manifest are here."""
        return self.opening is Opening.OPENED


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that is written and has not been seen to leave."""

    id: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """Something a device sent that was refused for good."""

    device: str
    capture: str
    digest: str
    length: int
    reason: str
    envelope_kept: bool
    times: int
    first_at_ms: int
    last_at_ms: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the archive holds and how much is under way."""

    captures: int
    bytes: int
    devices: int
    open_uploads: int
    open_bytes: int
    quarantined: int
    unsent: int
    sealed: int
    not_openable: int
