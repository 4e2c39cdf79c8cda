"""What somebody must look at: rows that stay open until a person settles them, and on record afterwards."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select, update

from capture.identifiers import DeviceId
from sync.receiver.archive.database import insert_unless_there
from sync.receiver.archive.tables import alarms


@dataclass(frozen=True, slots=True, order=True)
class Raised:
    """Something that somebody must look at.

    Attributes:
        kind: a member of :class:`~sync.receiver.alarms.AlarmKind`.
        chain: of the device's ledger, where it is about that; else nothing.
        sequence, hash: of the ledger head that showed it; 0 and nothing where no head came.
        capture: which capture it is about; nothing where it is about none.
    """

    device: DeviceId
    kind: str
    chain: str = ""
    sequence: int = 0
    hash: str = ""
    capture: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm. There is one open at most for a device, a kind and a chain: the same again counts.

    Attributes:
        device, kind, chain: as in :class:`Raised`.
        sequence, hash, capture: of what showed it first.
        times: how often it was seen while it was open.
        settled_at_ms: when a person settled it; None while it is open.
        settled_by, reason: who, and why.
    """

    id: int
    device: DeviceId
    kind: str
    chain: str
    sequence: int
    hash: str
    capture: str
    times: int
    first_at_ms: int
    last_at_ms: int
    settled_at_ms: int | None
    settled_by: str
    reason: str


_OPEN = alarms.c.settled_at_ms.is_(None)


def put_on_record(connection: Connection, raised: Raised, now_ms: int) -> bool:
    """It is on record; whether for the first time since a person settled it."""
    same = (alarms.c.device == raised.device) & (alarms.c.kind == raised.kind) & (alarms.c.chain == raised.chain)
    again = update(alarms).where(_OPEN, same).values(times=alarms.c.times + 1, last_at_ms=now_ms)
    if connection.execute(again).rowcount:
        return False
    new = asdict(raised) | {"times": 1, "first_at_ms": now_ms, "last_at_ms": now_ms, "settled_by": "", "reason": ""}
    connection.execute(insert_unless_there(connection, alarms).values(new))
    return True


def on_record(connection: Connection, device: DeviceId | None = None, *, settled: bool = False) -> tuple[Alarm, ...]:
    """The open alarms of all devices, or of one; latest first. With `settled`, those too that a person settled."""
    query = select(alarms).order_by(alarms.c.last_at_ms.desc(), alarms.c.device, alarms.c.id.desc())
    if device is not None:
        query = query.where(alarms.c.device == device)
    if not settled:
        query = query.where(_OPEN)
    return tuple(Alarm(**row) for row in connection.execute(query).mappings())


def settle(connection: Connection, number: int, by: str, reason: str, now_ms: int) -> bool:
    """The open alarm with this number is settled; False where there is none."""
    change = update(alarms).where(_OPEN, alarms.c.id == number)
    return connection.execute(change.values(settled_at_ms=now_ms, settled_by=by, reason=reason)).rowcount == 1
