"""Brings a PostgreSQL database to this version's schema."""

import asyncpg

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.migrations.server import MigrationRoad, migrate_server
from blrcs.database.postgresql.connection import CONNECT_TIMEOUT_S, place
from blrcs.database.postgresql.errors import open_error

# Any number, the same in all versions.
LOCK = "SELECT 1 FROM (SELECT pg_advisory_lock(6503110243)) AS held"


async def migrate(url: str) -> None:
    """Migrates to the head, in one transaction: killed on the way, it has changed nothing.

    Raises:
        DatabaseOpenError: One of its subclasses.
    """
    where = place(url)

    async def connect() -> asyncpg.Connection:
        try:
            return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 - the driver raises all kinds
            raise open_error(where, error, CONNECT_TIMEOUT_S) from None

    def told(error: BaseException) -> DatabaseOpenError:
        return open_error(where, error.__cause__ or error, CONNECT_TIMEOUT_S)

    road = MigrationRoad(url="postgresql+asyncpg://", lock=LOCK, connect=connect, open_error=told)
    await migrate_server(road, where)
