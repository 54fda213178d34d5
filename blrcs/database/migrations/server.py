"""Brings the database of a server to this version's schema, one migrator at a time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.migrations.running import upgrade


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRoad:
    """How migrations reach one kind of server.

    Attributes:
        url: SQLAlchemy's name of dialect and driver, such as ``postgresql+asyncpg://``.
        lock: SQL that waits until nobody else migrates, and gives 1 where the lock is held; it ends
            with the connection, however that ends.
        connect: Opens a connection of the driver.
        open_error: What stands for an error of the driver.
    """

    url: str
    lock: str
    connect: Callable[[], Awaitable[Any]]
    open_error: Callable[[BaseException], DatabaseOpenError]


async def migrate_server(road: MigrationRoad, place: str) -> None:
    """Migrates to the head. Killed on the way, it can be run again.

    Raises:
        DatabaseOpenError: One of its subclasses; the server cannot be reached, or refuses.
    """
    engine = create_async_engine(
        road.url, async_creator=road.connect, poolclass=sa.pool.NullPool, isolation_level=None
    )
    try:
        async with engine.connect() as connection:
            locked = (await connection.execute(sa.text(road.lock))).scalar()
            if locked != 1:
                raise DatabaseOpenError(place, "another process has been migrating it for too long")
            await connection.commit()
            async with connection.begin():
                await connection.run_sync(upgrade, place)
    except sa.exc.DBAPIError as error:
        raise road.open_error(error.orig or error) from error
    finally:
        await engine.dispose()
