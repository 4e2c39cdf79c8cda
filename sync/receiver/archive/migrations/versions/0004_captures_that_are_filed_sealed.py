"""captures that are filed sealed, and opened later.

Revision: 0004
After: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("captures", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opening", sa.String(length=16), server_default="opened", nullable=False))
        batch_op.add_column(sa.Column("opening_reason", sa.String(length=63), nullable=True))
        batch_op.add_column(sa.Column("opening_tries", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index(batch_op.f("ix_captures_opening_filed"), ["opening", "filed"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("captures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_captures_opening_filed"))
        batch_op.drop_column("opening_tries")
        batch_op.drop_column("opening_reason")
        batch_op.drop_column("opening")
