"""What arrives, into the archive, many messages in one transaction; nothing is acknowledged before it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from capture.identifiers import CaptureId, DeviceId
from sync.protocol import Archived, Chunk, Facts, Pieces, RefusalReason, Upload
from sync.receiver.archive.alarms import Raised, put_on_record
from sync.receiver.archive.database import insert_unless_there
from sync.receiver.archive.ledgers import DeviceLedger
from sync.receiver.archive.tables import captures, chunks, outbox, quarantine, receipts, uploads
from sync.receiver.archive.values import Arrival, FiledReceipt, Limits

_STANDING: Final = frozenset(
    {
        RefusalReason.MALFORMED,
        RefusalReason.BAD_SIGNATURE,
        RefusalReason.WRONG_SITE,
        RefusalReason.CAPTURE_CONFLICT,
        RefusalReason.TOO_LARGE,
    }
)
"""Refusals that no change at the hospital can undo. The others are judged anew when a person has the device retry."""


DAY_MS: Final = 24 * 3600 * 1000


def _here(columns: ReadOnlyColumnCollection[str, Column[Any]]) -> ColumnElement[bool]:
    """The rows of one arrival. Statements are made once, because making them anew costs more than running them."""
    return (
        (columns.device == bindparam("device"))
        & (columns.capture == bindparam("capture"))
        & (columns.digest == bindparam("digest"))
    )


_UPLOAD: Final = select(uploads).where(_here(uploads.c)).with_for_update()
_POSITIONS: Final = select(chunks.c.position).where(chunks.c.upload == bindparam("upload"))
_STORE: Final = insert(chunks)
_TOUCH: Final = update(uploads).where(uploads.c.id == bindparam("upload")).values(touched_at_ms=bindparam("now"))
_ID: Final = select(uploads.c.id).where(_here(uploads.c))
_TRY: Final = (
    update(uploads)
    .where(uploads.c.id == bindparam("upload"))
    .values(attempts=uploads.c.attempts + 1)
    .returning(uploads.c.attempts)
)
_FORGIVE: Final = update(uploads).where(uploads.c.id == bindparam("upload")).values(attempts=0)
_FILED_SINCE: Final = select(func.coalesce(func.sum(captures.c.length), 0)).where(
    captures.c.device == bindparam("device"), captures.c.received_at_ms > bindparam("since")
)
_DROP_CHUNKS: Final = delete(chunks).where(chunks.c.upload.in_(select(uploads.c.id).where(_here(uploads.c))))
_DROP_UPLOAD: Final = delete(uploads).where(_here(uploads.c))
_UNDER_WAY: Final = select(func.count(), func.coalesce(func.sum(uploads.c.length), 0)).where(
    uploads.c.device == bindparam("device")
)
_RECEIPT: Final = (
    select(captures.c.device, captures.c.digest, receipts.c.key_id, receipts.c.receipt)
    .join(receipts, receipts.c.capture == captures.c.capture)
    .where(captures.c.capture == bindparam("capture"))
)
_REFUSED: Final = (
    select(quarantine.c.reason)
    .where(_here(quarantine.c), quarantine.c.reason.in_(sorted(_STANDING)))
    .order_by(quarantine.c.id)
    .limit(1)
)


class Intake:
    """One open transaction of a receiver. What it did is durable once the block that opened it has ended.

    A caller takes arrivals in sorted order: then two receivers never wait for each other in a ring.
    """

    def __init__(self, connection: Connection, limits: Limits, now_ms: int) -> None:
        self._connection = connection
        self._limits = limits
        self.now_ms = now_ms

    def facts(self, arrival: Arrival) -> Facts:
        """What the archive knows of an arrival. Its upload is locked until the transaction ends.

        The lock makes exactly one receiver see the last chunk of a set arrive.
        """
        upload, pieces = self._upload(arrival)
        return Facts(upload, pieces, self._archived(arrival), self._refused(arrival))

    def open(self, arrival: Arrival, upload: Upload) -> Pieces | None:
        """The pieces of an upload that is open now; None when its device has too much under way, or sent too much.

        Chunks that were cut in another size are dropped: they fit nowhere.
        """
        while (there := self._upload(arrival))[0] != upload:
            if there[0] is not None:
                self.drop(arrival)
            if not self._room_for(arrival.device, upload.length):
                return None
            # Another receiver may open it in between, in whatever size: what is there then is what counts.
            self._connection.execute(
                insert_unless_there(self._connection, uploads).values(
                    device=arrival.device,
                    capture=arrival.capture,
                    digest=arrival.digest,
                    length=upload.length,
                    chunk_size=upload.chunk_size,
                    touched_at_ms=self.now_ms,
                )
            )
        return there[1]

    def store(self, arrival: Arrival, new: Sequence[Chunk]) -> None:
        """These chunks of an open upload are there, none of which was."""
        row = self._connection.execute(_UPLOAD, asdict(arrival)).scalar_one()
        self._connection.execute(
            _STORE, [{"upload": row, "position": chunk.index, "data": chunk.data} for chunk in new]
        )
        self._connection.execute(_TOUCH, {"upload": row, "now": self.now_ms})

    def attempt(self, arrival: Arrival) -> int:
        """The how-manieth time it is that this complete set is tried."""
        upload = self._connection.execute(_ID, asdict(arrival)).scalar_one()
        return int(self._connection.execute(_TRY, {"upload": upload}).scalar_one())

    def forgive(self, arrival: Arrival) -> None:
        """It was not the set that failed: its tries are counted anew."""
        upload = self._connection.execute(_ID, asdict(arrival)).scalar()
        if upload is not None:
            self._connection.execute(_FORGIVE, {"upload": upload})

    def drop(self, arrival: Arrival) -> None:
        """The upload and its chunks are gone."""
        drop_upload(self._connection, arrival)

    def sent(self, pending: Sequence[int]) -> None:
        """These messages left."""
        if pending:
            self._connection.execute(delete(outbox).where(outbox.c.id.in_(pending)))

    def ledger(self, device: DeviceId) -> DeviceLedger:
        """What the device's ledger said so far."""
        return DeviceLedger(self._connection, device, self._limits.lines_of_a_chain, self.now_ms)

    def alarm(self, raised: Raised) -> None:
        """It is on record. After every upload of this transaction is locked: see :meth:`Ingest.handle`."""
        put_on_record(self._connection, raised, self.now_ms)

    def quarantine(self, arrival: Arrival, length: int, reason: str, *, envelope_kept: bool) -> None:
        """What was refused for good is on record; again and again is one row that counts."""
        columns = quarantine.c
        change: dict[str, object] = {"times": columns.times + 1, "last_at_ms": self.now_ms}
        if envelope_kept:
            change["envelope_kept"] = True
        same = (
            (columns.device == arrival.device)
            & (columns.capture == arrival.capture)
            & (columns.digest == arrival.digest)
            & (columns.reason == reason)
        )
        if self._connection.execute(update(quarantine).where(same).values(change)).rowcount:
            return
        kept = select(func.count()).select_from(quarantine).where(columns.device == arrival.device)
        if self._connection.execute(kept).scalar_one() >= self._limits.quarantined_rows:
            return
        self._connection.execute(
            insert_unless_there(self._connection, quarantine).values(
                device=arrival.device,
                capture=arrival.capture,
                digest=arrival.digest,
                length=length,
                reason=reason,
                envelope_kept=envelope_kept,
                times=1,
                first_at_ms=self.now_ms,
                last_at_ms=self.now_ms,
            )
        )

    def room_in_quarantine(self, device: DeviceId, length: int) -> bool:
        """Whether another envelope of this device may be kept as evidence."""
        kept = self._connection.execute(
            select(func.coalesce(func.sum(quarantine.c.length), 0)).where(
                quarantine.c.device == device, quarantine.c.envelope_kept
            )
        ).scalar_one()
        return int(kept) + length <= self._limits.quarantined_bytes

    def _upload(self, arrival: Arrival) -> tuple[Upload, Pieces] | tuple[None, None]:
        row = self._connection.execute(_UPLOAD, asdict(arrival)).one_or_none()
        if row is None:
            return None, None
        upload = Upload(arrival.capture, arrival.digest, row.length, row.chunk_size)
        have = self._connection.execute(_POSITIONS, {"upload": row.id}).scalars()
        return upload, Pieces.of(upload.count, have)

    def _archived(self, arrival: Arrival) -> Archived | None:
        filed = filed_receipt(self._connection, arrival.capture)
        if filed is None:
            return None
        # Filed from another device: whatever this one offers under that number contradicts it.
        return Archived(filed.digest if filed.device == arrival.device else "", filed.receipt)

    def _refused(self, arrival: Arrival) -> str | None:
        return self._connection.execute(_REFUSED, asdict(arrival)).scalar()

    def _room_for(self, device: DeviceId, length: int) -> bool:
        row = self._connection.execute(_UNDER_WAY, {"device": device}).one()
        if int(row[0]) >= self._limits.open_uploads or int(row[1]) + length > self._limits.open_bytes:
            return False
        today = {"device": device, "since": self.now_ms - DAY_MS}
        filed = int(self._connection.execute(_FILED_SINCE, today).scalar_one())
        return filed + int(row[1]) + length <= self._limits.filed_bytes_a_day


def filed_receipt(connection: Connection, capture: CaptureId) -> FiledReceipt | None:
    """The receipt of `capture` if it is filed."""
    row = connection.execute(_RECEIPT, {"capture": capture}).one_or_none()
    if row is None:
        return None
    return FiledReceipt(capture, DeviceId(row.device), row.digest, row.key_id, bytes(row.receipt))


def drop_upload(connection: Connection, arrival: Arrival) -> None:
    """The upload and its chunks are gone: filed, refused for good, or cut anew."""
    connection.execute(_DROP_CHUNKS, asdict(arrival))
    connection.execute(_DROP_UPLOAD, asdict(arrival))
