"""Revocations are found by the time at which they were made."""

from blrcs.database.migrations.steps import create_index, drop_index

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the index: every machine looks for new revocations every second."""
    create_index("ix_revocations_revoked_at_ns", "revocations", ["revoked_at_ns"])


def downgrade() -> None:
    """Drops it."""
    drop_index("ix_revocations_revoked_at_ns", "revocations")
