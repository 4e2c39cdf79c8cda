"""Who looked at what: rows that are added and never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from sync.receiver.archive.tables import looks


@dataclass(frozen=True, slots=True)
class Look:
    """One look of one person at one capture.

    Attributes:
        at_ms: when, by the archive's clock.
        who: the name that the person is on record under.
        roles: what he was, by the names of roles, with commas.
        what: a member of :class:`~sync.receiver.view.looking.Seen`.
    """

    at_ms: int
    who: str
    roles: str
    capture: str
    what: str


def put_on_record(connection: Connection, seen: Iterable[Look]) -> None:
    """The looks are on record."""
    if rows := [asdict(look) for look in seen]:
        connection.execute(insert(looks), rows)


def on_record(connection: Connection, limit: int, *, capture: str = "", who: str = "") -> tuple[Look, ...]:
    """The last looks, of everybody at everything, or at one capture, or of one person; latest first."""
    query = select(*(looks.c[name] for name in Look.__dataclass_fields__)).order_by(looks.c.id.desc()).limit(limit)
    if capture:
        query = query.where(looks.c.capture == capture)
    if who:
        query = query.where(looks.c.who == who)
    return tuple(Look(**row) for row in connection.execute(query).mappings())
