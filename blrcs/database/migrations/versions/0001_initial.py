"""The first schema."""

import sqlalchemy as sa

from blrcs.database.migrations.steps import create_index, create_table, drop_table
from blrcs.database.types import BYTES, DIGEST, FLAG, KEY, NUMBER, TEXT

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates all tables."""
    _create_bindings()
    _create_groups()
    _create_limit_rules()
    _create_revocations()
    _create_roles()
    _create_service_accounts()
    _create_settings()
    _create_users()
    _create_api_keys()
    _create_sessions()
    _create_refresh_tokens()


def downgrade() -> None:
    """Drops all tables, those that point at others first."""
    for name in (
        "refresh_tokens",
        "sessions",
        "api_keys",
        "users",
        "settings",
        "service_accounts",
        "roles",
        "revocations",
        "limit_rules",
        "groups",
        "bindings",
    ):
        drop_table(name)


def _create_bindings() -> None:
    create_table(
        "bindings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("members", TEXT, nullable=False),
        sa.Column("resource", TEXT, nullable=False),
        sa.Column("expires_at_ns", NUMBER, nullable=True),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("updated_at_ns", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_bindings_role", "bindings", ["role"])


def _create_groups() -> None:
    create_table(
        "groups",
        sa.Column("id", KEY, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("members", TEXT, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("updated_at_ns", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_limit_rules() -> None:
    create_table(
        "limit_rules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("domain", TEXT, nullable=False),
        sa.Column("match", TEXT, nullable=False),
        sa.Column("requests", NUMBER, nullable=False),
        sa.Column("period_ns", NUMBER, nullable=False),
        sa.Column("burst", NUMBER, nullable=False),
        sa.Column("algorithm", NUMBER, nullable=False),
        sa.Column("shadow", FLAG, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("updated_at_ns", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        _is_flag("limit_rules", "shadow"),
    )


def _create_revocations() -> None:
    create_table(
        "revocations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("revoked_at_ns", NUMBER, nullable=False),
        sa.Column("expires_at_ns", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_revocations_expires_at_ns", "revocations", ["expires_at_ns"])


def _create_roles() -> None:
    create_table(
        "roles",
        sa.Column("id", KEY, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("permissions", TEXT, nullable=False),
        sa.Column("included_roles", TEXT, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("updated_at_ns", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_service_accounts() -> None:
    create_table(
        "service_accounts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("disabled", FLAG, nullable=False),
        sa.Column("token_generation", NUMBER, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("updated_at_ns", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        _is_flag("service_accounts", "disabled"),
    )


def _create_settings() -> None:
    create_table(
        "settings",
        sa.Column("key", KEY, nullable=False),
        sa.Column("value", BYTES, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _create_users() -> None:
    create_table(
        "users",
        sa.Column("id", KEY, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("password_hash", TEXT, nullable=False),
        sa.Column("password_set_at_ns", NUMBER, nullable=False),
        sa.Column("password_change_required", FLAG, nullable=False),
        sa.Column("disabled", FLAG, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("updated_at_ns", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        _is_flag("users", "password_change_required"),
        _is_flag("users", "disabled"),
    )


def _create_api_keys() -> None:
    create_table(
        "api_keys",
        sa.Column("service_account_id", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("key_hash", DIGEST, nullable=False),
        sa.Column("prefix", TEXT, nullable=False),
        sa.Column("disabled", FLAG, nullable=False),
        sa.Column("expires_at_ns", NUMBER, nullable=True),
        sa.Column("used_at_ns", NUMBER, nullable=True),
        sa.Column("token_generation", NUMBER, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("updated_at_ns", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("service_account_id", "id"),
        _is_flag("api_keys", "disabled"),
        sa.ForeignKeyConstraint(
            ["service_account_id"], ["service_accounts.id"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )


def _create_sessions() -> None:
    create_table(
        "sessions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("created_at_ns", NUMBER, nullable=False),
        sa.Column("refreshed_at_ns", NUMBER, nullable=False),
        sa.Column("expires_at_ns", NUMBER, nullable=False),
        sa.Column("ends_at_ns", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    )
    create_index("ix_sessions_expires_at_ns", "sessions", ["expires_at_ns"])
    create_index(
        "ix_sessions_user_id_created_at_ns_id", "sessions", ["user_id", "created_at_ns", "id"]
    )


def _create_refresh_tokens() -> None:
    create_table(
        "refresh_tokens",
        sa.Column("hash", DIGEST, nullable=False),
        sa.Column("session_id", KEY, nullable=False),
        sa.Column("issued_at_ns", NUMBER, nullable=False),
        sa.Column("expires_at_ns", NUMBER, nullable=False),
        sa.Column("spent_at_ns", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("hash"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
    )
    create_index("ix_refresh_tokens_expires_at_ns", "refresh_tokens", ["expires_at_ns"])
    create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])


def _is_flag(table: str, column: str) -> sa.CheckConstraint:
    check = sa.CheckConstraint(f"{column} IN (0, 1)", name=f"ck_{table}_{column}")
    return check.ddl_if(dialect="sqlite")
