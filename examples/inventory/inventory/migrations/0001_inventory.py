"""Items and sightings."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import create_table, drop_table
from blrcs.database.types import KEY, NUMBER, TEXT

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_table(
        "inventory_items",
        sa.Column("sku", KEY, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("units", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("sku"),
    )
    create_table(
        "inventory_sightings",
        sa.Column("sku", KEY, nullable=False),
        sa.Column("shelf", TEXT, nullable=False),
        sa.Column("seen_ns", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("sku"),
    )
    # What DatabaseSink takes down of the logs of write-behinds.
    create_table(
        "applied_writes",
        sa.Column("log", KEY, nullable=False),
        sa.Column("up_to", NUMBER, nullable=False),
        sa.Column("but", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("log"),
    )


def downgrade() -> None:
    drop_table("applied_writes")
    drop_table("inventory_sightings")
    drop_table("inventory_items")
