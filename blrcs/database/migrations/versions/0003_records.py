"""Collections, their records, and the changes of those."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import create_index, create_table, drop_table
from blrcs.database.types import BYTES, DOCUMENT, DOUBLE, KEY, NUMBER, TEXT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the tables."""
    _create_collections()
    _create_record_feeds()
    _create_records()
    _create_record_index()
    _create_record_changes()


def downgrade() -> None:
    """Drops them."""
    for name in ("record_changes", "record_index", "records", "record_feeds", "collections"):
        drop_table(name)


def _create_collections() -> None:
    create_table(
        "collections",
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("json_schema", TEXT, nullable=False),
        sa.Column("indexes", TEXT, nullable=False),
        sa.Column("default_ttl_ns", NUMBER, nullable=True),
        sa.Column("encrypted_fields", TEXT, nullable=False),
        sa.Column("secret_fields", TEXT, nullable=False),
        sa.Column("data_key", BYTES, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("updated_at_ns", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )


def _create_record_feeds() -> None:
    create_table(
        "record_feeds",
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("collection", KEY, nullable=False),
        sa.Column("incarnation", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.Column("sequence", NUMBER, nullable=False),
        sa.Column("purged", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "collection"),
    )


def _create_records() -> None:
    create_table(
        "records",
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("collection", KEY, nullable=False),
        sa.Column("record_id", KEY, nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("encoded", BYTES, nullable=False),
        sa.Column("sealed", BYTES, nullable=True),
        sa.Column("revision", NUMBER, nullable=False),
        sa.Column("create_time_ns", NUMBER, nullable=False),
        sa.Column("update_time_ns", NUMBER, nullable=False),
        sa.Column("expire_time_ns", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "collection", "record_id"),
        long_rows=True,
    )
    create_index("ix_records_expire_time_ns", "records", ["expire_time_ns"])


def _create_record_index() -> None:
    create_table(
        "record_index",
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("collection", KEY, nullable=False),
        sa.Column("record_id", KEY, nullable=False),
        sa.Column("path_id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("text_value", KEY, nullable=True),
        sa.Column("number_value", DOUBLE, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "collection", "record_id", "path_id"),
    )
    place = ["tenant", "collection", "path_id"]
    create_index("ix_record_index_number", "record_index", [*place, "number_value"])
    create_index("ix_record_index_text", "record_index", [*place, "text_value"])


def _create_record_changes() -> None:
    create_table(
        "record_changes",
        sa.Column("tenant", KEY, nullable=False),
        sa.Column("collection", KEY, nullable=False),
        sa.Column("sequence", NUMBER, nullable=False, autoincrement=False),
        sa.Column("kind", NUMBER, nullable=False),
        sa.Column("record_id", KEY, nullable=False),
        sa.Column("changed_at_ns", NUMBER, nullable=False),
        sa.Column("encoded", BYTES, nullable=True),
        sa.Column("sealed", BYTES, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "collection", "sequence"),
        long_rows=True,
    )
