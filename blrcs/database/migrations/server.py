"""Migrations of a server's database, one migrator at a time."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from blrcs.database.errors import DatabaseOpenError

if TYPE_CHECKING:  # see MigrationRoad.stored
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import AsyncConnection

Result = TypeVar("Result")


class ServerRoad(ABC):
    """How migrations reach one kind of server; a MigrationRoad.

    Attributes:
        place: What errors name.
        dialect: SQLAlchemy's name of the kind.
        lock: SQL that gives 1 where nobody else migrates any more; it holds from then on, and ends
            with the connection, however that ends.
        ask_again_s: After how long it is run again where it does not wait; None where it does, and
            what else it gives is that this took too long.
    """

    dialect: str
    lock: str
    ask_again_s: float | None = None
    place: str

    @abstractmethod
    async def stored(self, tables: Sequence[str]) -> list[str | None]:
        """See MigrationRoad."""

    @abstractmethod
    async def engine_url(self) -> str:
        """SQLAlchemy's name of dialect and driver, such as ``postgresql+asyncpg://``."""

    @abstractmethod
    async def connect(self) -> Any:
        """Opens a connection of the driver; DatabaseOpenError where it cannot."""

    @abstractmethod
    def told(self, error: BaseException) -> DatabaseOpenError:
        """What stands for an error of the driver."""

    async def run(self, work: "Callable[[sa.Connection], Result]") -> Result:
        """See MigrationRoad."""
        import sqlalchemy as sa  # noqa: PLC0415 - see MigrationRoad.stored
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        engine = create_async_engine(
            await self.engine_url(),
            async_creator=self.connect,
            poolclass=sa.pool.NullPool,
            isolation_level=None,
        )
        try:
            async with engine.connect() as connection:
                await self._take_lock(connection)
                await connection.begin()
                result = await connection.run_sync(work)
                # It may have committed a part before, and begun anew.
                await connection.commit()
                return result
        except sa.exc.DBAPIError as error:
            raise self.told(error.orig or error) from error
        finally:
            await engine.dispose()

    async def _take_lock(self, connection: "AsyncConnection") -> None:
        import sqlalchemy as sa  # noqa: PLC0415 - see MigrationRoad.stored

        while (await connection.execute(sa.text(self.lock))).scalar() != 1:
            # Whoever waits sees nothing meanwhile: indexes are not usable before all have gone who
            # have seen the table as it was.
            await connection.commit()
            if self.ask_again_s is None:
                raise DatabaseOpenError(
                    self.place, "another process has been migrating it for too long"
                )
            await asyncio.sleep(self.ask_again_s)
        await connection.commit()
