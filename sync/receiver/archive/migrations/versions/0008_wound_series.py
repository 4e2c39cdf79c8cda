"""wound series: a column to list the pictures of one wound by.

Revision: 0008
After: 0007
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_captures = sa.table(
    "captures", sa.column("filed", sa.BigInteger), sa.column("manifest", sa.LargeBinary), sa.column("series", sa.Text)
)
_PAGE = 200


def upgrade() -> None:
    # Not as a batch: SQLite would make the table anew, and receipts hold on to it.
    op.add_column("captures", sa.Column("series", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_index(op.f("ix_captures_patient_series"), "captures", ["patient", "series"], unique=False)
    connection, last = op.get_bind(), 0
    page = sa.select(_captures.c.filed, _captures.c.manifest).order_by(_captures.c.filed).limit(_PAGE)
    while rows := connection.execute(page.where(_captures.c.filed > last)).all():
        for filed, manifest in rows:
            if series := _series(bytes(manifest)):
                connection.execute(sa.update(_captures).where(_captures.c.filed == filed).values(series=series))
        last = rows[-1].filed


def _series(manifest: bytes) -> str:
    """What the manifest of a capture that was filed before says; nothing where it says none, or is not opened."""
    try:
        series = json.loads(manifest)["encounter"]["series"] if manifest else ""
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return series.replace("\x00", "")[:512] if isinstance(series, str) else ""


def downgrade() -> None:
    op.drop_index(op.f("ix_captures_patient_series"), "captures")
    op.drop_column("captures", "series")
