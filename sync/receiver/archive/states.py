"""What each device last said of itself: a row each, renewed by every receiver that hears it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

from sqlalchemy import Connection, Executable, and_, case, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from capture.identifiers import DeviceId
from sync.receiver.archive.tables import device_states

SILENT_MS: Final = 15 * 60 * 1000
"""A device says its state every five minutes. After three times that without a word it is taken as away, and a smaller
session than the last is its newest: the file that counts them was lost."""


@dataclass(frozen=True, slots=True)
class KeptState:
    """What one device last said of itself.

    Attributes:
        session: the number of the connection in which it did.
        online: whether it was there; its will, or a good-bye, says that it is not.
        since_ms: when that last changed, by the hospital's clock.
        heard_at_ms: when its last birth came; 0 where none ever did.
        birth: that birth, as it came; empty where none ever did.
    """

    device: DeviceId
    session: int
    online: bool
    since_ms: int
    heard_at_ms: int
    birth: bytes = field(repr=False)


def keep_state(connection: Connection, state: KeptState, *, retained: bool) -> None:
    """The device's row says this now, unless it knows better; the same again, and by another receiver, changes nothing.

    What an older session said is ignored, and a birth of a session whose will is known: it was overtaken. But a birth
    after :data:`SILENT_MS` of silence counts, whatever its number. A will leaves the birth. A retained message was said
    at an unknown time: where it repeats what is known it renews nothing.

    Args:
        connection: in a transaction.
        state: with `since_ms` now; of a will, `heard_at_ms` is 0 and `birth` empty.
        retained: the broker kept it, so nobody has just said it.
    """
    row = {
        "device": state.device,
        "session": state.session,
        "online": state.online,
        "since_ms": state.since_ms,
        "heard_at_ms": state.heard_at_ms,
        "birth": state.birth.decode("ascii"),
    }
    connection.execute(_upsert(connection.dialect.name, state.online, retained), row)


@cache
def _upsert(dialect: str, online: bool, retained: bool) -> Executable:  # noqa: FBT001 - one caller, and a cache's key
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(device_states)
    kept, new = device_states.c, insert.excluded
    counts = new.session >= kept.session
    if online:
        same = and_(new.session == kept.session, kept.online)
        renews = and_(same, new.birth != kept.birth) if retained else same
        silent = kept.heard_at_ms < new.heard_at_ms - SILENT_MS
        counts = or_(new.session > kept.session, renews, silent if not retained else and_(silent, ~same))
    return insert.on_conflict_do_update(
        index_elements=["device"],
        set_={
            "session": new.session,
            "online": literal(online),
            "since_ms": case((kept.online == literal(online), kept.since_ms), else_=new.since_ms),
            "heard_at_ms": new.heard_at_ms if online else kept.heard_at_ms,
            "birth": new.birth if online else kept.birth,
        },
        where=counts,
    )


def states(connection: Connection) -> tuple[KeptState, ...]:
    """Every device's last word, by device."""
    rows = connection.execute(select(device_states).order_by(device_states.c.device)).mappings()
    return tuple(KeptState(**(dict(row) | {"birth": row["birth"].encode()})) for row in rows)
