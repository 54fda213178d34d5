"""What was told of a creation stands in the record, as long as that is as it was created."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import (
    add_column,
    create_index,
    drop_column,
    drop_index,
    has_partial_indexes,
    update_rows,
)
from blrcs.database.types import BYTES, KEY, NUMBER

revision = "0011"
down_revision = "0010"

CREATED = 1
FIRST_REVISION = 1
EXPIRY = "ix_records_expire_time_ns"
EXPIRES = "expire_time_ns IS NOT NULL"
LATE = "ix_revocations_found_at_ns"

_KEY = ("tenant", "collection", "record_id")
_IMAGE = ("encoded", "sealed")


def upgrade() -> None:
    """Changes that are there keep their own images. Records that never expire have no entry.

    Revocations that are stored late have a time of their own, by which others find them.
    """
    add_column("records", sa.Column("change_sequence", NUMBER, nullable=True))
    add_column("revocations", sa.Column("found_at_ns", NUMBER, nullable=True))
    create_index(LATE, "revocations", ["found_at_ns"])
    if has_partial_indexes():
        drop_index(EXPIRY, "records")
        create_index(EXPIRY, "records", ["expire_time_ns"], where=EXPIRES)


def downgrade() -> None:
    """Gives changes the images that records have for them."""
    update_rows(_with_their_images(), "records", "change_sequence")
    drop_column("records", "change_sequence")
    drop_index(LATE, "revocations")
    drop_column("revocations", "found_at_ns")
    if has_partial_indexes():
        drop_index(EXPIRY, "records")
        create_index(EXPIRY, "records", ["expire_time_ns"])


def _with_their_images() -> sa.Update:
    records = _table("records", "change_sequence", "revision", "update_time_ns")
    changes = _table("record_changes", "sequence", "kind", "changed_at_ns")
    of_change = sa.and_(
        *(records.c[name] == changes.c[name] for name in _KEY),
        records.c.change_sequence == changes.c.sequence,
        # Others were changed by a server of before, which leaves the number as it was.
        records.c.revision == FIRST_REVISION,
        records.c.update_time_ns == changes.c.changed_at_ns,
    )
    return (
        sa.update(changes)
        .where(changes.c.kind == CREATED, changes.c.encoded.is_(None))
        .values(
            {name: sa.select(records.c[name]).where(of_change).scalar_subquery() for name in _IMAGE}
        )
    )


def _table(name: str, *numbers: str) -> sa.TableClause:
    return sa.table(
        name,
        *(sa.column(each, KEY) for each in _KEY),
        *(sa.column(each, BYTES) for each in _IMAGE),
        *(sa.column(each, NUMBER) for each in numbers),
    )
