"""Orders."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import create_table, drop_table
from blrcs.database.types import KEY, NUMBER

revision = "0001"
down_revision = None


def upgrade():
    create_table(
        "orders",
        sa.Column("id", KEY, nullable=False),
        sa.Column("total", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade():
    drop_table("orders")
