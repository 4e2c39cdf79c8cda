"""The one transaction that files a capture: its row, its receipt and the message that carries it, or none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, insert

from sync.receiver.archive.database import insert_unless_there
from sync.receiver.archive.days import count_picture
from sync.receiver.archive.intake import drop_upload, filed_receipt
from sync.receiver.archive.tables import captures, outbox, receipts
from sync.receiver.archive.values import UNREAD, Arrival, FiledReceipt, Filing, NewCapture, NewReceipt, Opening

RECEIPT: Final = "receipt"
"""The kind of outbox row that is a receipt on its way to a device."""


def file_capture(
    connection: Connection, new: NewCapture, arrival: Arrival, issue: Callable[[], NewReceipt]
) -> tuple[Filing, FiledReceipt]:
    """What became of `new`, and the receipt that is in force for its capture id.

    Whoever comes second to the same capture id finds the first one's row: the same digest gives the first receipt,
    another digest is a conflict, and in both cases nothing is written but the end of the upload.
    """
    row = connection.execute(
        insert_unless_there(connection, captures).values(_row(new)).returning(captures.c.filed)
    ).one_or_none()
    drop_upload(connection, arrival)
    if row is None:
        first = filed_receipt(connection, new.capture)
        assert first is not None, "a capture's row and its receipt are written in one transaction"
        return (Filing.ALREADY_FILED if first.digest == new.digest else Filing.CONFLICT), first
    receipt = issue()
    connection.execute(
        insert(receipts).values(
            capture=new.capture, key_id=receipt.key_id, receipt=receipt.receipt, issued_at_ms=new.received_at_ms
        )
    )
    message = connection.execute(
        insert(outbox)
        .values(
            kind=RECEIPT,
            capture=new.capture,
            topic=receipt.topic,
            payload=receipt.receipt,
            written_at_ms=new.received_at_ms,
        )
        .returning(outbox.c.id)
    ).scalar_one()
    if new.contents is not None:
        count_picture(connection, new.device, new.received_at_ms, new.contents.manifest)
    filed = FiledReceipt(new.capture, new.device, new.digest, receipt.key_id, receipt.receipt, message)
    return Filing.FILED, filed


def _row(new: NewCapture) -> dict[str, Any]:
    row = asdict(new)
    del row["contents"]
    state = Opening.SEALED if new.contents is None else Opening.OPENED
    return row | asdict(new.contents or UNREAD) | {"opening": state.value}
