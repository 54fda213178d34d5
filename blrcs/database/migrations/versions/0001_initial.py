"""The first schema."""

import sqlalchemy as sa
from alembic import op

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


def _create_bindings() -> None:
    _create(
        "bindings",
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("role", sa.TEXT, nullable=False),
        sa.Column("members", sa.TEXT, nullable=False),
        sa.Column("resource", sa.TEXT, nullable=False),
        sa.Column("expires_at_ns", sa.INTEGER, nullable=True),
        sa.Column("created_at_ns", sa.INTEGER, nullable=False),
        sa.Column("updated_at_ns", sa.INTEGER, nullable=False),
        sa.Column("revision", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_bindings_role", "bindings", ["role"])


def _create_groups() -> None:
    _create(
        "groups",
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("display_name", sa.TEXT, nullable=False),
        sa.Column("members", sa.TEXT, nullable=False),
        sa.Column("created_at_ns", sa.INTEGER, nullable=False),
        sa.Column("updated_at_ns", sa.INTEGER, nullable=False),
        sa.Column("revision", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_limit_rules() -> None:
    _create(
        "limit_rules",
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("domain", sa.TEXT, nullable=False),
        sa.Column("match", sa.TEXT, nullable=False),
        sa.Column("requests", sa.INTEGER, nullable=False),
        sa.Column("period_ns", sa.INTEGER, nullable=False),
        sa.Column("burst", sa.INTEGER, nullable=False),
        sa.Column("algorithm", sa.INTEGER, nullable=False),
        sa.Column("shadow", sa.INTEGER, nullable=False),
        sa.Column("created_at_ns", sa.INTEGER, nullable=False),
        sa.Column("updated_at_ns", sa.INTEGER, nullable=False),
        sa.Column("revision", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("shadow IN (0, 1)", name="ck_limit_rules_shadow"),
    )


def _create_revocations() -> None:
    _create(
        "revocations",
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("kind", sa.TEXT, nullable=False),
        sa.Column("revoked_at_ns", sa.INTEGER, nullable=False),
        sa.Column("expires_at_ns", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_revocations_expires_at_ns", "revocations", ["expires_at_ns"])


def _create_roles() -> None:
    _create(
        "roles",
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("display_name", sa.TEXT, nullable=False),
        sa.Column("permissions", sa.TEXT, nullable=False),
        sa.Column("included_roles", sa.TEXT, nullable=False),
        sa.Column("created_at_ns", sa.INTEGER, nullable=False),
        sa.Column("updated_at_ns", sa.INTEGER, nullable=False),
        sa.Column("revision", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_service_accounts() -> None:
    _create(
        "service_accounts",
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("display_name", sa.TEXT, nullable=False),
        sa.Column("disabled", sa.INTEGER, nullable=False),
        sa.Column("token_generation", sa.INTEGER, nullable=False),
        sa.Column("created_at_ns", sa.INTEGER, nullable=False),
        sa.Column("updated_at_ns", sa.INTEGER, nullable=False),
        sa.Column("revision", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("disabled IN (0, 1)", name="ck_service_accounts_disabled"),
    )


def _create_settings() -> None:
    _create(
        "settings",
        sa.Column("key", sa.TEXT, nullable=False),
        sa.Column("value", sa.BLOB, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _create_users() -> None:
    _create(
        "users",
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("display_name", sa.TEXT, nullable=False),
        sa.Column("email", sa.TEXT, nullable=False),
        sa.Column("password_hash", sa.TEXT, nullable=False),
        sa.Column("password_set_at_ns", sa.INTEGER, nullable=False),
        sa.Column("password_change_required", sa.INTEGER, nullable=False),
        sa.Column("disabled", sa.INTEGER, nullable=False),
        sa.Column("created_at_ns", sa.INTEGER, nullable=False),
        sa.Column("updated_at_ns", sa.INTEGER, nullable=False),
        sa.Column("revision", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint(
            "password_change_required IN (0, 1)", name="ck_users_password_change_required"
        ),
        sa.CheckConstraint("disabled IN (0, 1)", name="ck_users_disabled"),
    )


def _create_api_keys() -> None:
    _create(
        "api_keys",
        sa.Column("service_account_id", sa.TEXT, nullable=False),
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("display_name", sa.TEXT, nullable=False),
        sa.Column("key_hash", sa.BLOB, nullable=False),
        sa.Column("prefix", sa.TEXT, nullable=False),
        sa.Column("disabled", sa.INTEGER, nullable=False),
        sa.Column("expires_at_ns", sa.INTEGER, nullable=True),
        sa.Column("used_at_ns", sa.INTEGER, nullable=True),
        sa.Column("token_generation", sa.INTEGER, nullable=False),
        sa.Column("created_at_ns", sa.INTEGER, nullable=False),
        sa.Column("updated_at_ns", sa.INTEGER, nullable=False),
        sa.Column("revision", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("service_account_id", "id"),
        sa.CheckConstraint("disabled IN (0, 1)", name="ck_api_keys_disabled"),
        sa.ForeignKeyConstraint(
            ["service_account_id"], ["service_accounts.id"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )


def _create_sessions() -> None:
    _create(
        "sessions",
        sa.Column("id", sa.TEXT, nullable=False),
        sa.Column("user_id", sa.TEXT, nullable=False),
        sa.Column("display_name", sa.TEXT, nullable=False),
        sa.Column("address", sa.TEXT, nullable=False),
        sa.Column("created_at_ns", sa.INTEGER, nullable=False),
        sa.Column("refreshed_at_ns", sa.INTEGER, nullable=False),
        sa.Column("expires_at_ns", sa.INTEGER, nullable=False),
        sa.Column("ends_at_ns", sa.INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_sessions_expires_at_ns", "sessions", ["expires_at_ns"])
    op.create_index(
        "ix_sessions_user_id_created_at_ns_id", "sessions", ["user_id", "created_at_ns", "id"]
    )


def _create_refresh_tokens() -> None:
    _create(
        "refresh_tokens",
        sa.Column("hash", sa.BLOB, nullable=False),
        sa.Column("session_id", sa.TEXT, nullable=False),
        sa.Column("issued_at_ns", sa.INTEGER, nullable=False),
        sa.Column("expires_at_ns", sa.INTEGER, nullable=False),
        sa.Column("spent_at_ns", sa.INTEGER, nullable=True),
        sa.PrimaryKeyConstraint("hash"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_refresh_tokens_expires_at_ns", "refresh_tokens", ["expires_at_ns"])
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])


def _create(name: str, *items: sa.schema.SchemaItem) -> None:
    op.create_table(name, *items, sqlite_strict=True, sqlite_with_rowid=False)
