"""Sessions may be bound to a certificate or key; keys, tokens and subjects are revoked too."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import add_column, drop_column
from blrcs.database.types import TEXT

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Sessions that are there are bound to nothing, and revoked by their id."""
    add_column("revocations", sa.Column("name", TEXT, nullable=True))
    add_column("sessions", sa.Column("binding", TEXT, nullable=True))


def downgrade() -> None:
    """What sessions are bound to is forgotten, and what is revoked beside them."""
    drop_column("sessions", "binding")
    drop_column("revocations", "name")
