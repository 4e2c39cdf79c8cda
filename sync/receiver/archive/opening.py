"""Captures that were filed sealed: which wait, and what came of looking into each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from capture.identifiers import CaptureId, DeviceId
from sync.receiver.archive.days import count_picture
from sync.receiver.archive.tables import captures
from sync.receiver.archive.values import OPENINGS, Contents, Opening

_TRY: Final = (
    update(captures)
    .where(captures.c.capture == bindparam("which"), captures.c.opening == Opening.SEALED.value)
    .values(opening_tries=captures.c.opening_tries + 1)
    .returning(captures.c.opening_tries)
)


def begin(connection: Connection, capture: CaptureId) -> int | None:
    """The how-manieth time it is that this capture is tried; None when it no longer waits."""
    return connection.execute(_TRY, {"which": capture}).scalar()


def end(connection: Connection, capture: CaptureId, contents: Contents | str) -> bool:
    """Whether this call ended the waiting of `capture`: opened with its contents, or not openable for that reason."""
    which = captures.c.capture == capture
    if not isinstance(contents, Contents):
        return _become(connection, Opening.NOT_OPENABLE, which, opening_reason=contents) > 0
    if not _become(connection, Opening.OPENED, which, opening_reason=None, **asdict(contents)):
        return False
    filed = connection.execute(select(captures.c.device, captures.c.received_at_ms).where(which)).one()
    count_picture(connection, DeviceId(filed.device), filed.received_at_ms, contents.manifest)
    return True


def forgive(connection: Connection, capture: CaptureId) -> None:
    """It was the archive that failed, not the capture: its tries are counted anew."""
    connection.execute(update(captures).where(captures.c.capture == capture).values(opening_tries=0))


def ask_again(connection: Connection) -> int:
    """How many captures that could not be opened wait again."""
    return _become(connection, Opening.SEALED, opening_reason=None, opening_tries=0)


def _become(connection: Connection, state: Opening, *which: ColumnElement[bool], **values: object) -> int:
    """How many of these captures became that. One that may not is left as it is: another opener was first."""
    before = [former.value for former, after in OPENINGS.items() if state in after]
    changed = update(captures).where(captures.c.opening.in_(before), *which).values(opening=state.value, **values)
    return connection.execute(changed).rowcount
