"""Entries of a collection's index lie in the order of a list: those of one value by their ids.

PostgreSQL alone has to be told: others have the rest of a table's key at the end of each index.
"""

from blrcs.database.migrations.steps import exchange_index, is_postgresql

revision = "0012"
down_revision = "0011"

TABLE = "record_index"
BY_TEXT, IN_ORDER = "ix_record_index_text", "ix_record_index_order"
PLACE = ["tenant", "collection", "path_id", "text_value"]


def upgrade() -> None:
    """Puts an index with the ids in the place of one without."""
    if is_postgresql():
        exchange_index(IN_ORDER, BY_TEXT, TABLE, [*PLACE, "record_id"])


def downgrade() -> None:
    """Puts it back."""
    if is_postgresql():
        exchange_index(BY_TEXT, IN_ORDER, TABLE, PLACE)
