"""How limits are counted across machines, and what happens while nobody can count them."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import add_column, drop_column
from blrcs.database.types import NUMBER

revision = "0004"
down_revision = "0003"

EXACT = sa.text("1")
LOCAL = sa.text("3")


def upgrade() -> None:
    """Rules that are there count as they did."""
    add_column("limit_rules", sa.Column("mode", NUMBER, nullable=False, server_default=EXACT))
    add_column("limit_rules", sa.Column("on_loss", NUMBER, nullable=False, server_default=LOCAL))


def downgrade() -> None:
    """Rules count as they did before there were modes."""
    drop_column("limit_rules", "on_loss")
    drop_column("limit_rules", "mode")
