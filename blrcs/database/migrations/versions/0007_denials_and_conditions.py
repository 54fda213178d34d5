"""Bindings may deny, and may have a condition."""

import sqlalchemy as sa
from alembic import op

from blrcs.database.migrations.steps import add_column, drop_column
from blrcs.database.types import NUMBER, TEXT

revision = "0007"
down_revision = "0006"

GRANT = sa.text("1")


def upgrade() -> None:
    """Bindings that are there grant, always."""
    add_column("bindings", sa.Column("effect", NUMBER, nullable=False, server_default=GRANT))
    add_column("bindings", sa.Column("condition_json", TEXT))


def downgrade() -> None:
    """Bindings that deny or have a condition go: as grants without one, they would give more."""
    op.execute("DELETE FROM bindings WHERE effect <> 1 OR condition_json IS NOT NULL")
    drop_column("bindings", "condition_json")
    drop_column("bindings", "effect")
