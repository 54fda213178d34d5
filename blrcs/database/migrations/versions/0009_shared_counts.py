"""Failed sign-ins and used proofs, which machines have in common."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import create_index, create_table, drop_table
from blrcs.database.types import BYTES, DIGEST, NUMBER

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Creates the tables."""
    create_table(
        "sign_in_failures",
        sa.Column("id", DIGEST, nullable=False),
        sa.Column("until_ns", BYTES, nullable=False),
        sa.Column("expires_at_ns", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    create_table(
        "spent_proofs",
        sa.Column("id", DIGEST, nullable=False),
        sa.Column("expires_at_ns", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for table in ("sign_in_failures", "spent_proofs"):
        create_index(f"ix_{table}_expires_at_ns", table, ["expires_at_ns"])


def downgrade() -> None:
    """Drops them: all may try again, and show again the proofs of the last minutes."""
    drop_table("spent_proofs")
    drop_table("sign_in_failures")
