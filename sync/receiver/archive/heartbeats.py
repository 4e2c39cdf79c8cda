"""Which receivers are at work on an archive: a row each, renewed while they live."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select, update

from sync.receiver.archive.database import insert_unless_there
from sync.receiver.archive.tables import receivers


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One receiver's word on itself.

    Attributes:
        receiver: its name, made anew at each start.
        state: starting, listening, waiting (for the broker), archive-away or stopped.
        filed, refused: since it started.
    """

    receiver: str
    host: str
    process: int
    broker: str
    started_at_ms: int
    seen_at_ms: int
    state: str
    filed: int
    refused: int


def beat(connection: Connection, heartbeat: Heartbeat, forget_before_ms: int) -> None:
    """The receiver's row says this now; rows of receivers not seen since `forget_before_ms` are gone."""
    values = asdict(heartbeat)
    name = values.pop("receiver")
    if connection.execute(update(receivers).where(receivers.c.receiver == name).values(values)).rowcount == 0:
        connection.execute(insert_unless_there(connection, receivers).values(receiver=name, **values))
    connection.execute(delete(receivers).where(receivers.c.seen_at_ms < forget_before_ms))


def heartbeats(connection: Connection) -> tuple[Heartbeat, ...]:
    """Every receiver's last word, latest first."""
    rows = connection.execute(select(receivers).order_by(receivers.c.seen_at_ms.desc())).mappings()
    return tuple(Heartbeat(**row) for row in rows)
