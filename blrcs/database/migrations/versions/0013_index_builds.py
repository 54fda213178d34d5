"""Indexes of collections that have records are built and dropped beside the writes."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import (
    add_column,
    create_table,
    drop_column,
    drop_table,
    update_rows,
)
from blrcs.database.types import KEY, NUMBER, TEXT

revision = "0013"
down_revision = "0012"

GUARD = 1 << 48
"""What is added to the revision of a feed to which servers of before may not write."""


def upgrade() -> None:
    """Nothing is built or dropped yet."""
    add_column("collections", sa.Column("index_changes", TEXT, nullable=True))
    create_table(
        "index_builds",
        sa.Column("tenant", KEY, primary_key=True),
        sa.Column("collection", KEY, primary_key=True),
        sa.Column("after_id", KEY, nullable=False),
        sa.Column("held_by", KEY, nullable=False),
        sa.Column("held_until_ns", NUMBER, nullable=False),
    )


def downgrade() -> None:
    """Forgets what is not whole yet; what is left of it is not looked at."""
    feeds = sa.table("record_feeds", sa.column("revision", NUMBER))
    update_rows(
        sa.update(feeds).where(feeds.c.revision >= GUARD).values(revision=feeds.c.revision - GUARD),
        "record_feeds",
        "revision",
    )
    drop_table("index_builds")
    drop_column("collections", "index_changes")
