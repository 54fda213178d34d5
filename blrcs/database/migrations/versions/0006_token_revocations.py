"""Keys, single tokens and subjects are revoked too, each of an issuer."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import add_column, drop_column
from blrcs.database.types import TEXT

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    """Sessions have no further name."""
    add_column("revocations", sa.Column("name", TEXT, nullable=True))


def downgrade() -> None:
    """What is revoked beside sessions is forgotten."""
    drop_column("revocations", "name")
