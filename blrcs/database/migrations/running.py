"""Runs alembic's migrations on a connection that is open."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from blrcs.database.errors import DatabaseCorruptError, DatabaseTooNewError

MIGRATIONS = Path(__file__).parent


def upgrade(connection: sa.Connection, place: Path | str) -> None:
    """Brings the database to the head, in the transaction that the connection has begun.

    Args:
        connection: In a transaction; nobody else migrates meanwhile.
        place: What errors name.

    Raises:
        DatabaseTooNewError: It is of a revision that this version does not know.
        DatabaseCorruptError: It holds another program's tables.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    stored = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if stored is not None and stored not in known:
        head = scripts.get_current_head()
        raise DatabaseTooNewError(
            place, f"was written by a newer version (schema {stored!r}, known up to {head!r})"
        )
    if stored is None and _is_foreign(connection):
        raise DatabaseCorruptError(place, "is the database of another program")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_foreign(connection: sa.Connection) -> bool:
    """Whether there are tables, and none of alembic's: it makes its own before all others."""
    tables = sa.inspect(connection).get_table_names()
    return bool(tables) and "alembic_version" not in tables
