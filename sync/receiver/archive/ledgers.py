"""What the devices' ledgers said, head by head: rows in an open transaction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, cast

from sqlalchemy import Connection, Executable, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from capture.identifiers import DeviceId
from sync.receiver.archive.alarms import Raised, put_on_record
from sync.receiver.archive.tables import device_heads


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A ledger head that came with an offer.

    Attributes:
        head: as the device signed it, canonical JSON (docs/formats/ledger.md).
        seen_at_ms: when it first came, by the hospital's clock.
    """

    chain: str
    sequence: int
    hash: str
    head: str
    seen_at_ms: int


_OF: Final = (device_heads.c.device == bindparam("device_")) & (device_heads.c.chain == bindparam("chain_"))
"""One chain of one device. Statements are made once, because making them anew costs more than running them."""
_HASH_AT: Final = select(device_heads.c.hash).where(_OF, device_heads.c.sequence == bindparam("line"))
_NEWEST: Final = select(device_heads).where(_OF).order_by(device_heads.c.sequence.desc()).limit(1)
_OLDEST: Final = select(device_heads).where(_OF).order_by(device_heads.c.sequence).limit(1)
_FORGET: Final = delete(device_heads).where(_OF, device_heads.c.sequence <= bindparam("line"))


@cache
def _keep(dialect: str) -> Executable:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(device_heads).on_conflict_do_nothing().returning(device_heads.c.sequence)


class DeviceLedger:
    """The heads of one device in an open transaction.

    Args:
        connection: in a transaction.
        device: whose.
        most: how many of the newest lines of a chain heads are kept for.
        now_ms: the hospital's clock.
    """

    def __init__(self, connection: Connection, device: DeviceId, most: int, now_ms: int) -> None:
        self._connection = connection
        self._device = device
        self._most = most
        self._now_ms = now_ms

    def hash_at(self, chain: str, sequence: int) -> str | None:
        """The hash of the head that is kept for this line of the chain, if one is."""
        return cast("str | None", self._connection.execute(_HASH_AT, self._of(chain) | {"line": sequence}).scalar())

    def newest(self, chain: str) -> KeptHead | None:
        """The head of the chain's highest line."""
        return self._one(_NEWEST, chain)

    def oldest(self, chain: str) -> KeptHead | None:
        """The head of the chain's lowest line that is kept."""
        return self._one(_OLDEST, chain)

    def keep(self, head: KeptHead) -> bool:
        """The head is kept; False where one for the same line is kept already, and then that one stays."""
        row = {
            "device": self._device,
            "chain": head.chain,
            "sequence": head.sequence,
            "hash": head.hash,
            "head": head.head,
            "seen_at_ms": self._now_ms,
        }
        return self._connection.execute(_keep(self._connection.dialect.name), row).one_or_none() is not None

    def forget_before(self, chain: str, sequence: int) -> None:
        """Heads of lines that lie too far before this one are gone."""
        self._connection.execute(_FORGET, self._of(chain) | {"line": sequence - self._most})

    def reaches(self, newest: int, sequence: int) -> bool:
        """Whether a head for `sequence` would be kept in a chain whose newest line is `newest`."""
        return sequence > newest - self._most

    def alarm(self, chain: str, kind: str, sequence: int, hash_hex: str) -> bool:
        """It is on record; whether for the first time since a person settled it."""
        raised = Raised(self._device, kind, chain, sequence, hash_hex)
        return put_on_record(self._connection, raised, self._now_ms)

    def _of(self, chain: str) -> dict[str, str | int]:
        return {"device_": self._device, "chain_": chain}

    def _one(self, query: Executable, chain: str) -> KeptHead | None:
        row = self._connection.execute(query, self._of(chain)).one_or_none()
        return None if row is None else KeptHead(row.chain, row.sequence, row.hash, row.head, row.seen_at_ms)


def heads_of(connection: Connection, device: DeviceId) -> tuple[KeptHead, ...]:
    """Every head that is kept of a device, by chain and sequence."""
    rows = connection.execute(
        select(device_heads)
        .where(device_heads.c.device == device)
        .order_by(device_heads.c.chain, device_heads.c.sequence)
    )
    return tuple(KeptHead(row.chain, row.sequence, row.hash, row.head, row.seen_at_ms) for row in rows)
