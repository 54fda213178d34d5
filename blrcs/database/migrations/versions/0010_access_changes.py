"""What each change of roles, groups and bindings was about."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import create_table, drop_table
from blrcs.database.types import DIGEST, KEY, NUMBER

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Creates the table. Changes before are not in it: who asks for these reads everything."""
    create_table(
        "access_changes",
        sa.Column("epoch", NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("follows", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("epoch", "name"),
    )


def downgrade() -> None:
    """Drops it: every change is then read as a whole."""
    drop_table("access_changes")
