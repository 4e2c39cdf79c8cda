"""alarms that a person settles: what was raised about ledgers, and what else somebody must look at.

Revision: 0005
After: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEPT = "device, chain, kind, sequence, hash, times, first_at_ms, last_at_ms"


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("chain", sa.String(length=63), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("capture", sa.String(length=32), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("settled_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    op.create_index(
        "ix_alarms_open",
        "alarms",
        ["device", "kind", "chain"],
        unique=True,
        sqlite_where=sa.text("settled_at_ms IS NULL"),
        postgresql_where=sa.text("settled_at_ms IS NULL"),
    )
    op.execute(
        f"INSERT INTO alarms ({_KEPT}, capture, settled_by, reason) SELECT {_KEPT}, '', '', '' FROM ledger_alarms"
    )
    op.drop_table("ledger_alarms")


def downgrade() -> None:
    op.create_table(
        "ledger_alarms",
        sa.Column("device", sa.String(length=63), nullable=False),
        sa.Column("chain", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device", "chain", "kind", name=op.f("pk_ledger_alarms")),
    )
    op.execute(
        f"INSERT INTO ledger_alarms ({_KEPT}) SELECT {_KEPT} FROM alarms WHERE settled_at_ms IS NULL AND chain <> ''"
    )
    op.drop_table("alarms")
