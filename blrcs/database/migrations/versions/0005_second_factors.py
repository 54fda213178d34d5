"""Second factors of users, and how the user of a session was authenticated."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import (
    add_column,
    create_index,
    create_table,
    drop_column,
    drop_table,
)
from blrcs.database.types import BYTES, DIGEST, FLAG, KEY, NUMBER, TEXT

revision = "0005"
down_revision = "0004"

SINGLE_FACTOR = sa.text("1")


def upgrade() -> None:
    """Sessions that are there were opened with a password when they were created."""
    add_column("sessions", sa.Column("level", NUMBER, nullable=False, server_default=SINGLE_FACTOR))
    add_column("sessions", sa.Column("methods", KEY, nullable=True))
    add_column("sessions", sa.Column("authenticated_at_ns", NUMBER, nullable=True))
    create_table(
        "totp_secrets",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("sealed", BYTES, nullable=False),
        sa.Column("last_step", NUMBER, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    )
    create_table(
        "recovery_codes",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("hash", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    )
    create_table(
        "passkeys",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("credential_hash", DIGEST, nullable=False),
        sa.Column("credential_id", BYTES, nullable=False),
        sa.Column("public_key", BYTES, nullable=False),
        sa.Column("sign_count", NUMBER, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("backed_up", FLAG, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("used_at_ns", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("user_id", "id"),
        sa.CheckConstraint("backed_up IN (0, 1)", name="ck_passkeys_backed_up").ddl_if(
            dialect="sqlite"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("credential_hash", name="uq_passkeys_credential_hash"),
    )
    create_table(
        "spent_challenges",
        sa.Column("id", DIGEST, nullable=False),
        sa.Column("expires_at_ns", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_spent_challenges_expires_at_ns", "spent_challenges", ["expires_at_ns"])


def downgrade() -> None:
    """Passwords alone sign in again."""
    for name in ("spent_challenges", "passkeys", "recovery_codes", "totp_secrets"):
        drop_table(name)
    for name in ("authenticated_at_ns", "methods", "level"):
        drop_column("sessions", name)
