"""One moment of a database, read beside a server that may run on it."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from blrcs.assembly.database_url import DATABASE_FILE
from blrcs.config.settings import Settings
from blrcs.database.adapter import Transaction
from blrcs.database.errors import DatabaseOpenError
from blrcs.database.kind import open_database
from blrcs.database.migrations.branch import BLRCS
from blrcs.database.pool import PoolLimits
from blrcs.database.sqlite.errors import open_error
from blrcs.database.sqlite.migrate import stored_revision
from blrcs.database.sqlite.port_transaction import carry_out
from blrcs.database.sqlite.transaction import Transaction as Statements
from blrcs.domain.errors import DomainError

T = TypeVar("T")
Work = Callable[[Transaction], Coroutine[Any, Any, T]]


def read_stored(settings: Settings, work: Work[T]) -> T:
    """Does what only reads in one transaction, and changes nothing.

    Raises:
        DatabaseOpenError: There is no database that this version can read.
    """
    if settings.database.url is None:
        return _read_file(settings.data_directory / DATABASE_FILE, work)
    return asyncio.run(_read_server(settings.database.url.get_secret_value(), work))


def _read_file(path: Path, work: Work[T]) -> T:
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
            return carry_out(work, Statements(connection))
    except sqlite3.Error as error:
        raise open_error(path, error) from error


async def _read_server(url: str, work: Work[T]) -> T:
    async with open_database(url, migrate=False, limits=PoolLimits(size=1)) as (database, _):
        try:
            return await database.run(work, read_only=True)
        except DomainError as error:
            raise DatabaseOpenError("database", error.message) from error
        except Exception as error:
            # Whatever its driver says where tables are not there.
            raise DatabaseOpenError("database", "has not the tables of this version") from error
