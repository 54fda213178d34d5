"""The tables, as SQLAlchemy Core describes them.

Instants are nanoseconds since the Unix epoch; a nullable one that is not set never comes. Lists are
JSON text. Hashes are the bytes of the digest. ``revision`` starts at 1 and grows by one with every
change: entity tags are made of it. On SQLite every table is STRICT and, but for those of long rows,
WITHOUT ROWID, so that a point read walks one B-tree.

A change here needs a migration: a test holds the two equal.
"""

import sqlalchemy as sa

from blrcs.database.types import BYTES, DIGEST, DOCUMENT, DOUBLE, FLAG, KEY, NUMBER, TEXT

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

DIALECTS = "dialects"
"""In the ``info`` of an index, where only some databases have it: their SQLAlchemy's names."""
POSTGRESQL = ("postgresql",)
OTHERS = ("sqlite", "mysql", "mariadb")
PARTIAL = ("sqlite", "postgresql")


def _table(name: str, *items: sa.schema.SchemaItem, long_rows: bool = False) -> sa.Table:
    return sa.Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=long_rows)


def _on(dialects: tuple[str, ...], index: sa.Index) -> None:
    """Makes an index one of some databases alone."""
    index.info[DIALECTS] = dialects
    index.ddl_if(callable_=lambda *_, dialect, **__: dialect.name in dialects)


def _among(condition: sa.ColumnElement[bool], index: sa.Index) -> None:
    """Leaves rows out of an index for which a condition does not hold, where databases can do so.

    Only when it is made: an option of a dialect loads that, and a server has one database.
    """

    @sa.event.listens_for(index, "before_create")
    def limit(target: sa.Index, connection: sa.Connection, **_: object) -> None:
        if connection.dialect.name in PARTIAL:
            target.dialect_options[connection.dialect.name]["where"] = condition


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, KEY, nullable=False)


def _id() -> sa.Column[str]:
    return sa.Column("id", KEY, primary_key=True)


def _flag(name: str) -> tuple[sa.Column[bool], sa.CheckConstraint]:
    check = sa.CheckConstraint(f"{name} IN (0, 1)", name=name).ddl_if(dialect="sqlite")
    return sa.Column(name, FLAG, nullable=False), check


def _instant(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, NUMBER, nullable=nullable)


def _number(name: str, *, default: int | None = None) -> sa.Column[int]:
    stated = None if default is None else sa.text(str(default))
    return sa.Column(name, NUMBER, nullable=False, server_default=stated)


def _history() -> tuple[sa.Column[int], ...]:
    return _instant("created_at_ns"), _instant("updated_at_ns"), _number("revision")


def _parent(name: str, key: str) -> sa.Column[str]:
    return sa.Column(name, KEY, sa.ForeignKey(key, ondelete="CASCADE"), nullable=False)


users = _table(
    "users",
    _id(),
    _text("display_name"),
    _text("email"),
    _text("password_hash"),
    _instant("password_set_at_ns"),
    *_flag("password_change_required"),
    *_flag("disabled"),
    *_history(),
)

service_accounts = _table(
    "service_accounts",
    _id(),
    _text("display_name"),
    *_flag("disabled"),
    _number("token_generation"),
    *_history(),
)

api_keys = _table(
    "api_keys",
    sa.Column(
        "service_account_id",
        KEY,
        sa.ForeignKey("service_accounts.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    _id(),
    _text("display_name"),
    sa.Column("key_hash", DIGEST, nullable=False, unique=True),
    _text("prefix"),
    *_flag("disabled"),
    _instant("expires_at_ns", nullable=True),
    _instant("used_at_ns", nullable=True),
    _number("token_generation"),
    *_history(),
)

sessions = _table(
    "sessions",
    _id(),
    _parent("user_id", "users.id"),
    _text("display_name"),
    _text("address"),
    _instant("created_at_ns"),
    _instant("refreshed_at_ns"),
    _instant("expires_at_ns"),
    _instant("ends_at_ns"),
    _number("level", default=1),
    sa.Column("methods", KEY, nullable=True),
    _instant("authenticated_at_ns", nullable=True),
    sa.Column("binding", TEXT, nullable=True),
)
"""A session expires unless it is refreshed, and ends however often it is; then its row goes.
``level`` is a number of blrcs.v1.AuthenticationLevel, ``methods`` are those of RFC 8176 with blanks
between; without a time its user was authenticated when it was created."""
sa.Index(None, sessions.c.user_id, sessions.c.created_at_ns, sessions.c.id)
sa.Index(None, sessions.c.expires_at_ns)

refresh_tokens = _table(
    "refresh_tokens",
    sa.Column("hash", DIGEST, primary_key=True),
    _parent("session_id", "sessions.id"),
    _instant("issued_at_ns"),
    _instant("expires_at_ns"),
    _instant("spent_at_ns", nullable=True),
)
"""Spent tokens stay until they expire, so that a second use of one is noticed."""
sa.Index(None, refresh_tokens.c.session_id)
sa.Index(None, refresh_tokens.c.expires_at_ns)

totp_secrets = _table(
    "totp_secrets",
    sa.Column("user_id", KEY, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("sealed", BYTES, nullable=False),
    _number("last_step"),
    _instant("created_at_ns"),
)
"""``last_step`` is the time step of the code that was accepted last (RFC 6238)."""

recovery_codes = _table(
    "recovery_codes",
    sa.Column("user_id", KEY, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("hash", DIGEST, primary_key=True),
)
"""A code that is used goes."""

passkeys = _table(
    "passkeys",
    sa.Column("user_id", KEY, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    _id(),
    sa.Column("credential_hash", DIGEST, nullable=False, unique=True),
    sa.Column("credential_id", BYTES, nullable=False),
    sa.Column("public_key", BYTES, nullable=False),
    _number("sign_count"),
    _text("display_name"),
    *_flag("backed_up"),
    _instant("created_at_ns"),
    _instant("used_at_ns", nullable=True),
)
"""``credential_hash`` is the SHA-256 of ``credential_id``, which may be too long for a key."""

spent_challenges = _table(
    "spent_challenges",
    sa.Column("id", DIGEST, primary_key=True),
    _instant("expires_at_ns"),
)
"""Challenges that were answered, until nobody could answer them again."""
sa.Index(None, spent_challenges.c.expires_at_ns)

sign_in_failures = _table(
    "sign_in_failures",
    sa.Column("id", DIGEST, primary_key=True),
    sa.Column("until_ns", BYTES, nullable=False),
    _instant("expires_at_ns"),
)
"""Failed proofs of identity. ``id`` is a digest of whose they are, ``until_ns`` the instants until
which each bound has them, as packed integers; the last of them is ``expires_at_ns``."""
sa.Index(None, sign_in_failures.c.expires_at_ns)

spent_proofs = _table(
    "spent_proofs",
    sa.Column("id", DIGEST, primary_key=True),
    _instant("expires_at_ns"),
)
"""Proofs of keys (RFC 9449) that were used, until they would be refused for their age."""
sa.Index(None, spent_proofs.c.expires_at_ns)

roles = _table(
    "roles",
    _id(),
    _text("display_name"),
    _text("permissions"),
    _text("included_roles"),
    *_history(),
)

bindings = _table(
    "bindings",
    _id(),
    _key("role"),
    _text("members"),
    _text("resource"),
    _instant("expires_at_ns", nullable=True),
    *_history(),
    _number("effect", default=1),
    sa.Column("condition_json", TEXT),
)
"""``effect`` is a number of blrcs.v1.BindingEffect; ``condition_json`` has expression, title and
description, or is NULL where the binding always counts."""
sa.Index(None, bindings.c.role)

access_changes = _table(
    "access_changes",
    sa.Column("epoch", NUMBER, primary_key=True, autoincrement=False),
    sa.Column("name", KEY, primary_key=True),
    sa.Column("follows", DIGEST, nullable=False),
)
"""The roles, groups and bindings that the latest epochs put or deleted: who knows the policy of an
epoch reads these alone. Each ``follows`` the epoch before, by its stamp."""

access_decisions = _table(
    "access_decisions",
    sa.Column("id", DIGEST, primary_key=True),
    _text("principal"),
    _text("permission"),
    _text("resource"),
    *_flag("allowed"),
    _number("count"),
    _instant("last_seen_at_ns"),
)
"""Decisions of the policy that are recorded: one row for all that are equal."""
sa.Index(None, access_decisions.c.last_seen_at_ns)

groups = _table("groups", _id(), _text("display_name"), _text("members"), *_history())

limit_rules = _table(
    "limit_rules",
    _id(),
    _text("domain"),
    _text("match"),
    _number("requests"),
    _number("period_ns"),
    _number("burst"),
    _number("algorithm"),
    *_flag("shadow"),
    *_history(),
    _number("mode", default=1),
    _number("on_loss", default=3),
)
"""Numbers of blrcs.v1: ``algorithm`` of LimitAlgorithm, ``mode`` of LimitMode, ``on_loss`` of
LimitLoss."""

revocations = _table(
    "revocations",
    _id(),
    _text("kind"),
    _instant("revoked_at_ns"),
    _instant("expires_at_ns"),
    sa.Column("name", TEXT, nullable=True),
    _instant("found_at_ns", nullable=True),
)
"""``id`` is a session's; of another kind it is a digest of ``name``, which is JSON: the issuer, and
the id of a key, a token or a subject. From ``expires_at_ns`` on there is no such token left. What
was stored long after ``revoked_at_ns`` others find by ``found_at_ns`` too."""
sa.Index(None, revocations.c.expires_at_ns)
sa.Index(None, revocations.c.revoked_at_ns)
sa.Index(None, revocations.c.found_at_ns)

settings = _table(
    "settings",
    sa.Column("key", KEY, primary_key=True),
    sa.Column("value", BYTES, nullable=False),
)

collections = _table(
    "collections",
    sa.Column("tenant", KEY, primary_key=True),
    _id(),
    _text("display_name"),
    _text("json_schema"),
    _text("indexes"),
    _instant("default_ttl_ns", nullable=True),
    _text("encrypted_fields"),
    _text("secret_fields"),
    sa.Column("data_key", BYTES, nullable=False),
    *_history(),
    sa.Column("index_changes", TEXT, nullable=True),
)
"""``indexes`` are those that are whole. ``index_changes`` is JSON: those that are built, retired or
dropped; null where there are none."""

record_feeds = _table(
    "record_feeds",
    sa.Column("tenant", KEY, primary_key=True),
    sa.Column("collection", KEY, primary_key=True),
    _number("incarnation"),
    _number("revision"),
    _number("sequence"),
    _number("purged"),
)
"""What every write to a collection's records changes, and so has a lock on until it is committed: a
row of its own, so that it is a short one. ``incarnation`` is when the collection was created,
``revision`` that of the collection, or one beyond all where servers of before may not write,
``sequence`` the number of its last change, and ``purged`` that of the last one that is kept no
more."""

records = _table(
    "records",
    sa.Column("tenant", KEY, primary_key=True),
    sa.Column("collection", KEY, primary_key=True),
    sa.Column("record_id", KEY, primary_key=True),
    sa.Column("document", DOCUMENT, nullable=False),
    sa.Column("encoded", BYTES, nullable=False),
    sa.Column("sealed", BYTES, nullable=True),
    _number("revision"),
    _instant("create_time_ns"),
    _instant("update_time_ns"),
    _instant("expire_time_ns", nullable=True),
    sa.Column("change_sequence", NUMBER, nullable=True),
    long_rows=True,
)
"""``document`` is what queries see, ``encoded`` what readers do: a reply is made of it as it is.
``sealed`` is what is encrypted of the data, as JSON. ``change_sequence`` is the number of the
change that made the record what it is, if that has no image of its own but this one."""
_among(records.c.expire_time_ns.is_not(None), sa.Index(None, records.c.expire_time_ns))

record_index = _table(
    "record_index",
    sa.Column("tenant", KEY, primary_key=True),
    sa.Column("collection", KEY, primary_key=True),
    sa.Column("record_id", KEY, primary_key=True),
    sa.Column("path_id", NUMBER, primary_key=True, autoincrement=False),
    sa.Column("text_value", KEY, nullable=True),
    sa.Column("number_value", DOUBLE, nullable=True),
)
"""What is at the paths that a collection has declared. ``path_id`` stands for one of them."""
_INDEXED = (record_index.c.tenant, record_index.c.collection, record_index.c.path_id)
_BY_TEXT = (*_INDEXED, record_index.c.text_value)
_on(OTHERS, sa.Index("ix_record_index_text", *_BY_TEXT))
_on(POSTGRESQL, sa.Index("ix_record_index_order", *_BY_TEXT, record_index.c.record_id))
"""The others have what is left of the table's key at the end of each index."""
sa.Index("ix_record_index_number", *_INDEXED, record_index.c.number_value)

index_builds = _table(
    "index_builds",
    sa.Column("tenant", KEY, primary_key=True),
    sa.Column("collection", KEY, primary_key=True),
    _key("after_id"),
    _key("held_by"),
    _instant("held_until_ns"),
)
"""Collections with ``index_changes``: up to which record they are carried out, and by whom."""

record_changes = _table(
    "record_changes",
    sa.Column("tenant", KEY, primary_key=True),
    sa.Column("collection", KEY, primary_key=True),
    sa.Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    _number("kind"),
    _key("record_id"),
    _instant("changed_at_ns"),
    sa.Column("encoded", BYTES, nullable=True),
    sa.Column("sealed", BYTES, nullable=True),
    long_rows=True,
)
"""What is written with every change of a record. ``kind`` is that of ChangeKind. ``encoded`` and
``sealed`` are those of the record after it, if there is one; null where the record has them still,
and says so by ``change_sequence``: whoever changes or deletes it gives them to the change first."""

data_keys = _table(
    "data_keys",
    sa.Column("tenant", KEY, primary_key=True),
    sa.Column("collection", KEY, primary_key=True),
    sa.Column("purpose", NUMBER, primary_key=True, autoincrement=False),
    sa.Column("version", NUMBER, primary_key=True, autoincrement=False),
    sa.Column("key_id", DIGEST, nullable=False),
    sa.Column("wrapped", BYTES, nullable=False),
    _text("wrapped_by"),
    _number("state"),
    _instant("created_at_ns"),
)
"""Keys that values are encrypted with, themselves encrypted. An empty ``collection`` stands for the
tenant's own key, which wraps those of its collections; an empty ``tenant`` for the server itself.
Numbers are those of KeyPurpose and KeyState."""
