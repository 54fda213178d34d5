"""Migrations of a PostgreSQL database."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.migrations.server import ServerRoad
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.postgresql.connection import CONNECT_TIMEOUT_S, place
from blrcs.database.postgresql.errors import open_error


class PostgresqlRoad(ServerRoad):
    """All migrations of one run are in one transaction: killed on the way, they change nothing.

    But for those that say that they commit what was done before them.
    """

    dialect = "postgresql"
    # Any number, the same in all versions.
    lock = "SELECT 1 WHERE pg_try_advisory_lock(6503110243)"
    ask_again_s = 0.1

    def __init__(self, url: str) -> None:
        self._url = url
        self.place = place(url)

    async def stored(self, tables: Sequence[str]) -> list[str | None]:
        """See MigrationRoad."""
        connection = await self.connect()
        try:
            return [await _revision(connection, table) for table in tables]
        except (asyncpg.PostgresError, OSError) as error:
            raise self.told(error) from None
        finally:
            connection.terminate()

    async def engine_url(self) -> str:
        """See ServerRoad."""
        return "postgresql+asyncpg://"

    async def connect(self) -> Any:
        """See ServerRoad."""
        try:
            return await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 - the driver raises all kinds
            raise self.told(error) from None

    def told(self, error: BaseException) -> DatabaseOpenError:
        """See ServerRoad."""
        return open_error(self.place, error.__cause__ or error, CONNECT_TIMEOUT_S)


async def migrate(url: str) -> None:
    """Migrates our own tables to the head.

    Raises:
        DatabaseOpenError: One of its subclasses.
    """
    await bring_up_to_date(PostgresqlRoad(url))


async def _revision(connection: Any, table: str) -> str | None:
    try:
        revision: str | None = await connection.fetchval(f"SELECT version_num FROM {table}")  # noqa: S608
    except asyncpg.UndefinedTableError:
        return None
    return revision
