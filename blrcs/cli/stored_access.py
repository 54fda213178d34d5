"""What a data directory says of a principal, read beside a server that may run on it."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from blrcs.assembly.foundation import DATABASE_FILE
from blrcs.database.errors import DatabaseOpenError
from blrcs.database.repositories.access import SqlAccessRepository, load_policy
from blrcs.database.sqlite.errors import open_error
from blrcs.database.sqlite.migrate import HEAD_REVISION, stored_revision
from blrcs.database.sqlite.port_transaction import at_once, run_to_its_end
from blrcs.database.sqlite.transaction import Transaction
from blrcs.database.statement import Statement
from blrcs.database.tables import service_accounts, users
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.identity_name import SERVICE_ACCOUNTS, USERS
from blrcs.security.access_store import AccessStore
from blrcs_native.access import AccessTable

_THIS: sa.BindParameter[str] = sa.bindparam("this_id")
_ACCOUNTS = {
    USERS: Statement(
        sa.select(users.c.disabled, users.c.password_change_required).where(users.c.id == _THIS)
    ),
    SERVICE_ACCOUNTS: Statement(
        sa.select(service_accounts.c.disabled, sa.false().label("password_change_required")).where(
            service_accounts.c.id == _THIS
        )
    ),
}


@dataclass(frozen=True, slots=True)
class Account:
    """What authentication asks of a user or service account."""

    disabled: bool
    password_change_required: bool


@dataclass(frozen=True, slots=True)
class StoredAccess:
    """The access table as stored, and the account of one principal; None if it has none."""

    table: AccessTable
    account: Account | None


def read_access(directory: Path, principal: str) -> StoredAccess:
    """Reads one moment of the database, and changes nothing.

    Raises:
        DatabaseOpenError: There is no database that this version can read.
    """
    path = directory / DATABASE_FILE
    if not path.is_file():
        raise DatabaseOpenError(path, "there is no database; name its folder by --data")
    try:
        address = f"file:{quote(str(path.absolute()))}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
        with closing(connection):
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("BEGIN")
            revision = stored_revision(connection)
            if revision != HEAD_REVISION:
                raise DatabaseOpenError(
                    path, f"is of schema {revision!r}, and this version reads {HEAD_REVISION!r}"
                )
            return StoredAccess(_table(connection), _account(connection, principal))
    except sqlite3.Error as error:
        raise open_error(path, error) from error


class _Snapshot(SqlAccessRepository):
    """A repository of a connection that only reads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._transaction = at_once(Transaction(connection))

    def load(self) -> AccessPolicy:
        """The policy stored."""
        return run_to_its_end(load_policy(self._transaction))


def _table(connection: sqlite3.Connection) -> AccessTable:
    store = AccessStore(_Snapshot(connection), clock=time.time_ns)
    store.load()
    return store.current.table


def _account(connection: sqlite3.Connection, principal: str) -> Account | None:
    collection, _, account_id = principal.partition("/")
    statement = _ACCOUNTS.get(collection)
    if statement is None:
        return None
    row = Transaction(connection).fetch_one(statement, this_id=account_id)
    return None if row is None else Account(row.disabled, bool(row.password_change_required))
