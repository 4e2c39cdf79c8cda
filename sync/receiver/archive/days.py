"""What a device's pictures say of its de-identification, counted by day: how much was covered, asked and corrected.

Counted from the records that the device signed and the hospital filed, in the transaction that files or opens each, so
that every picture counts once. Nothing in the counts is about a patient.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Final

from sqlalchemy import Connection, Executable, func, select
from sqlalchemy.dialects import postgresql, sqlite

from capture.identifiers import DeviceId
from sync.receiver.archive.tables import device_days

DAY_MS: Final = 24 * 3600 * 1000
MOST_REGIONS: Final = 1000
"""Of one picture that count: one strange record must not outweigh a month."""
_UNCOVERING: Final = frozenset({"remove", "show"})


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over pictures.

    Attributes:
        pictures: how many.
        uncovered: in how many a person uncovered something.
        added: in how many a person covered something that nothing had found.
        unsure: in how many a detector could not tell.
        regions: covered in all of them together.
        regions_squared: the sum of the squares of each one's regions, for their spread.
    """

    pictures: int = 0
    uncovered: int = 0
    added: int = 0
    unsure: int = 0
    regions: int = 0
    regions_squared: int = 0

    def __add__(self, other: Figures) -> Figures:
        """Both together."""
        return self._with(other, 1)

    def __sub__(self, other: Figures) -> Figures:
        """Without those of `other`, which are among these."""
        return self._with(other, -1)

    def _with(self, other: Figures, sign: int) -> Figures:
        return Figures(*(getattr(self, name) + sign * getattr(other, name) for name in self.__slots__))


def figures_of(manifest: bytes) -> Figures:
    """The figures of one picture by its capture manifest; what the manifest lacks counts as nothing."""
    redaction = _object(_object(json.loads(manifest)).get("redaction"))
    actions = {str(_object(decision).get("action")) for decision in _list(redaction.get("decisions"))}
    regions = min(len(_list(redaction.get("regions"))), MOST_REGIONS)
    return Figures(
        pictures=1,
        uncovered=int(bool(actions & _UNCOVERING)),
        added=int("add" in actions),
        unsure=int("unsure" in [str(answer) for answer in _object(redaction.get("outcomes")).values()]),
        regions=regions,
        regions_squared=regions**2,
    )


def count_picture(connection: Connection, device: DeviceId, received_at_ms: int, manifest: bytes) -> None:
    """The picture counts on the day on which it was received."""
    row = {"device": device, "day": received_at_ms // DAY_MS} | asdict(figures_of(manifest))
    connection.execute(_add(connection.dialect.name), row)


@cache
def _add(dialect: str) -> Executable:
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(device_days)
    keys = {column.name for column in device_days.primary_key}
    sums = {c.name: device_days.c[c.name] + insert.excluded[c.name] for c in device_days.c if c.name not in keys}
    return insert.on_conflict_do_update(index_elements=sorted(keys), set_=sums)


def figures_since(connection: Connection, at_ms: int) -> Mapping[DeviceId, Figures]:
    """Each device's figures from the day of `at_ms` on."""
    names = [column.name for column in device_days.c if not column.primary_key]
    sums = [func.sum(device_days.c[name]).label(name) for name in names]
    query = select(device_days.c.device, *sums).where(device_days.c.day >= at_ms // DAY_MS)
    rows = connection.execute(query.group_by(device_days.c.device)).mappings()
    return {DeviceId(row["device"]): Figures(**{name: int(row[name]) for name in names}) for row in rows}


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
