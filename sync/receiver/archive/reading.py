"""What lies in the archive, for the hospital's view, the export and `wardlens receiver status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from capture.identifiers import CaptureId, DeviceId, SiteId
from sync.receiver.archive.tables import captures, outbox, quarantine, receipts, uploads
from sync.receiver.archive.values import Counts, FiledCapture, Opening, Pending, QuarantineRow

_FILED = select(captures, receipts.c.receipt, receipts.c.key_id).join(
    receipts, receipts.c.capture == captures.c.capture
)


def newest(connection: Connection, limit: int, before: int | None) -> tuple[FiledCapture, ...]:
    """The captures filed last, newest first; with `before`, those filed earlier than that."""
    query = _FILED.order_by(captures.c.filed.desc()).limit(limit)
    if before is not None:
        query = query.where(captures.c.filed < before)
    return tuple(_filed(row) for row in connection.execute(query))


def of_wound(
    connection: Connection, patient: str, series: str, limit: int, before: int | None
) -> Sequence[FiledCapture]:
    """The pictures of one wound, those filed last first; with `before`, those filed earlier than that."""
    query = _FILED.where(captures.c.patient == patient, captures.c.series == series)
    if before is not None:
        query = query.where(captures.c.filed < before)
    return tuple(_filed(row) for row in connection.execute(query.order_by(captures.c.filed.desc()).limit(limit)))


def capture_by_id(connection: Connection, capture: CaptureId) -> FiledCapture | None:
    """The capture with this id, if it is filed."""
    row = connection.execute(_FILED.where(captures.c.capture == capture)).one_or_none()
    return None if row is None else _filed(row)


def after(connection: Connection, filed: int, limit: int) -> tuple[FiledCapture, ...]:
    """The captures filed after `filed`, oldest first: the way through the whole archive."""
    query = _FILED.where(captures.c.filed > filed).order_by(captures.c.filed).limit(limit)
    return tuple(_filed(row) for row in connection.execute(query))


def sealed(connection: Connection, after: int, limit: int) -> tuple[FiledCapture, ...]:
    """The captures filed after `after` that wait to be opened, oldest first."""
    query = _FILED.where(captures.c.opening == Opening.SEALED.value, captures.c.filed > after)
    return tuple(_filed(row) for row in connection.execute(query.order_by(captures.c.filed).limit(limit)))


def counts(connection: Connection) -> Counts:
    """How much the archive holds and how much is under way."""
    filed = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(captures.c.length), 0),
            func.count(captures.c.device.distinct()),
        ).select_from(captures)
    ).one()
    under_way = connection.execute(
        select(func.count(), func.coalesce(func.sum(uploads.c.length), 0)).select_from(uploads)
    ).one()
    unopened = connection.execute(
        select(captures.c.opening, func.count())
        .where(captures.c.opening.in_([Opening.SEALED.value, Opening.NOT_OPENABLE.value]))
        .group_by(captures.c.opening)
    )
    openings = {state: int(number) for state, number in unopened}
    return Counts(
        captures=int(filed[0]),
        bytes=int(filed[1]),
        devices=int(filed[2]),
        open_uploads=int(under_way[0]),
        open_bytes=int(under_way[1]),
        quarantined=int(connection.execute(select(func.count()).select_from(quarantine)).scalar_one()),
        unsent=int(connection.execute(select(func.count()).select_from(outbox)).scalar_one()),
        sealed=openings.get(Opening.SEALED.value, 0),
        not_openable=openings.get(Opening.NOT_OPENABLE.value, 0),
    )


def in_quarantine(connection: Connection, limit: int) -> tuple[QuarantineRow, ...]:
    """What was refused for good, latest first."""
    rows = connection.execute(select(quarantine).order_by(quarantine.c.last_at_ms.desc()).limit(limit)).mappings()
    return tuple(QuarantineRow(**{key: value for key, value in row.items() if key != "id"}) for row in rows)


def unsent(connection: Connection, kind: str, written_before_ms: int, limit: int) -> tuple[Pending, ...]:
    """Messages that were written before and have not been seen to leave, oldest first."""
    rows = connection.execute(
        select(outbox.c.id, outbox.c.topic, outbox.c.payload)
        .where(outbox.c.kind == kind, outbox.c.written_at_ms < written_before_ms)
        .order_by(outbox.c.id)
        .limit(limit)
    )
    return tuple(Pending(row.id, row.topic, bytes(row.payload)) for row in rows)


def _filed(row: Row[Any]) -> FiledCapture:
    return FiledCapture(
        filed=row.filed,
        capture=CaptureId(row.capture),
        device=DeviceId(row.device),
        site=SiteId(row.site),
        digest=row.digest,
        length=row.length,
        counter=row.counter,
        received_at_ms=row.received_at_ms,
        taken_at_ms=row.taken_at_ms,
        patient=row.patient,
        body_site=row.body_site,
        laterality=row.laterality,
        series=row.series,
        urgent=row.urgent,
        picture_digest=row.picture_digest,
        picture_length=row.picture_length,
        manifest=bytes(row.manifest),
        receipt=bytes(row.receipt),
        receipt_key_id=row.key_id,
        opening=Opening(row.opening),
        opening_reason=row.opening_reason,
    )
