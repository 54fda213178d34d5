"""Data keys of tenants and collections, wrapped."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import create_table, drop_table
from blrcs.database.types import BYTES, DIGEST, KEY, NUMBER, TEXT

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Creates the table. What is encrypted already stays so, under the collection's own key."""
    create_table(
        "data_keys",
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("collection", KEY, nullable=False),
        sa.Column("purpose", NUMBER, nullable=False, autoincrement=False),
        sa.Column("version", NUMBER, nullable=False, autoincrement=False),
        sa.Column("key_id", DIGEST, nullable=False),
        sa.Column("wrapped", BYTES, nullable=False),
        sa.Column("wrapped_by", TEXT, nullable=False),
        sa.Column("state", NUMBER, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "collection", "purpose", "version"),
    )


def downgrade() -> None:
    """Drops it: what was encrypted since the upgrade cannot be opened any more."""
    drop_table("data_keys")
