"""what each device last said of itself, and what its pictures say of its de-identification, day by day.

Revision: 0006
After: 0005
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COUNTS = ("pictures", "uncovered", "added", "unsure", "regions", "regions_squared")
_DAY_MS = 24 * 3600 * 1000


def upgrade() -> None:
    op.create_table(
        "device_states",
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("session", sa.BigInteger(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("heard_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("birth", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device", name=op.f("pk_device_states")),
    )
    days = op.create_table(
        "device_days",
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.PrimaryKeyConstraint("device", "day", name=op.f("pk_device_days")),
    )
    # What was filed before counts too: a fleet is compared from its first page on.
    found: Counter[tuple[str, int, str]] = Counter()
    rows = op.get_bind().execute(
        sa.text("SELECT device, received_at_ms, manifest FROM captures WHERE opening = 'opened'")
    )
    for device, received_at_ms, manifest in rows:
        for name, count in _counted(bytes(manifest)).items():
            found[device, received_at_ms // _DAY_MS, name] += count
    keys = sorted({(device, day) for device, day, _ in found})
    new = [
        {"device": device, "day": day} | {name: found[device, day, name] for name in _COUNTS} for device, day in keys
    ]
    if new:
        op.bulk_insert(days, new)


def downgrade() -> None:
    op.drop_table("device_days")
    op.drop_table("device_states")


def _counted(manifest: bytes) -> dict[str, int]:
    """As sync/receiver/archive/days.py counted when this was written; a migration must not change with it."""
    try:
        redaction = _object(_object(json.loads(manifest)).get("redaction"))
    except (ValueError, RecursionError):
        redaction = {}
    actions = {str(_object(one).get("action")) for one in _list(redaction.get("decisions"))}
    regions = min(len(_list(redaction.get("regions"))), 1000)
    return {
        "pictures": 1,
        "uncovered": int(bool(actions & {"remove", "show"})),
        "added": int("add" in actions),
        "unsure": int("unsure" in [str(one) for one in _object(redaction.get("outcomes")).values()]),
        "regions": regions,
        "regions_squared": regions**2,
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
