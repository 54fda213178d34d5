"""Bindings may deny, and may have a condition; decisions can be recorded."""

import sqlalchemy as sa
from alembic import op

from blrcs.database.migrations.steps import (
    add_column,
    create_index,
    create_table,
    delete_rows,
    drop_column,
    drop_table,
)
from blrcs.database.types import DIGEST, FLAG, NUMBER, TEXT

revision = "0007"
down_revision = "0006"

GRANT = sa.text("1")


def upgrade() -> None:
    """Bindings that are there grant, always."""
    add_column("bindings", sa.Column("effect", NUMBER, nullable=False, server_default=GRANT))
    add_column("bindings", sa.Column("condition_json", TEXT))
    create_table(
        "access_decisions",
        sa.Column("id", DIGEST, primary_key=True),
        sa.Column("principal", TEXT, nullable=False),
        sa.Column("permission", TEXT, nullable=False),
        sa.Column("resource", TEXT, nullable=False),
        sa.Column("allowed", FLAG, nullable=False),
        sa.CheckConstraint("allowed IN (0, 1)", name=op.f("ck_access_decisions_allowed")).ddl_if(
            dialect="sqlite"
        ),
        sa.Column("count", NUMBER, nullable=False),
        sa.Column("last_seen_at_ns", NUMBER, nullable=False),
    )
    create_index("ix_access_decisions_last_seen_at_ns", "access_decisions", ["last_seen_at_ns"])


def downgrade() -> None:
    """Bindings that deny or have a condition go: as grants without one, they would give more."""
    drop_table("access_decisions")
    delete_rows("bindings", "effect <> 1 OR condition_json IS NOT NULL", "effect", "condition_json")
    drop_column("bindings", "condition_json")
    drop_column("bindings", "effect")
