"""What a data directory says of a principal, read beside a server that may run on it."""

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from blrcs.assembly.database_url import DATABASE_FILE
from blrcs.config.settings import Settings
from blrcs.database.adapter import Transaction
from blrcs.database.errors import DatabaseOpenError
from blrcs.database.kind import open_database
from blrcs.database.migrations.branch import BLRCS
from blrcs.database.pool import PoolLimits
from blrcs.database.repositories.access import SqlAccessRepository, load_policy
from blrcs.database.sqlite.errors import open_error
from blrcs.database.sqlite.migrate import stored_revision
from blrcs.database.sqlite.port_transaction import at_once, run_to_its_end
from blrcs.database.sqlite.transaction import Transaction as Statements
from blrcs.database.statement import Statement
from blrcs.database.tables import service_accounts, users
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.errors import DomainError
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


def read_access(settings: Settings, principal: str) -> StoredAccess:
    """Reads one moment of the database, and changes nothing.

    Raises:
        DatabaseOpenError: There is no database that this version can read.
    """
    if settings.database.url is None:
        return _read_file(settings.data_directory / DATABASE_FILE, principal)
    return asyncio.run(_read_server(settings.database.url.get_secret_value(), principal))


def _read_file(path: Path, principal: str) -> StoredAccess:
    if not path.is_file():
        raise DatabaseOpenError(path, "there is no database; name its folder by --data")
    try:
        address = f"file:{quote(str(path.absolute()))}?mode=ro"
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
        with closing(connection):
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("BEGIN")
            revision = stored_revision(connection)
            if revision != BLRCS.head:
                raise DatabaseOpenError(
                    path, f"is of schema {revision!r}, and this version reads {BLRCS.head!r}"
                )
            return run_to_its_end(_read(at_once(Statements(connection)), principal))
    except sqlite3.Error as error:
        raise open_error(path, error) from error


async def _read_server(url: str, principal: str) -> StoredAccess:
    async with open_database(url, migrate=False, limits=PoolLimits(size=1)) as (database, _):
        try:
            return await database.run(
                lambda transaction: _read(transaction, principal), read_only=True
            )
        except DomainError as error:
            raise DatabaseOpenError("database", error.message) from error
        except Exception as error:
            # Whatever its driver says where tables are not there.
            raise DatabaseOpenError("database", "has not the tables of this version") from error


async def _read(transaction: Transaction, principal: str) -> StoredAccess:
    store = AccessStore(_Loaded(await load_policy(transaction)), clock=time.time_ns)
    store.load()
    return StoredAccess(store.current.table, await _account(transaction, principal))


class _Loaded(SqlAccessRepository):
    """A repository of a policy that has been read already."""

    def __init__(self, policy: AccessPolicy) -> None:
        self._policy = policy

    def load(self) -> AccessPolicy:
        """The policy."""
        return self._policy


async def _account(transaction: Transaction, principal: str) -> Account | None:
    collection, _, account_id = principal.partition("/")
    statement = _ACCOUNTS.get(collection)
    if statement is None:
        return None
    row = await transaction.fetch_one(statement, this_id=account_id)
    return None if row is None else Account(row.disabled, bool(row.password_change_required))
