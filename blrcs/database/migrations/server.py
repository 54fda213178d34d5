"""Migrations of a server's database, one migrator at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from blrcs.database.errors import DatabaseOpenError

if TYPE_CHECKING:  # see MigrationRoad.stored
    import sqlalchemy as sa

Result = TypeVar("Result")


class ServerRoad(ABC):
    """How migrations reach one kind of server; a MigrationRoad.

    Attributes:
        place: What errors name.
        dialect: SQLAlchemy's name of the kind.
        lock: SQL that waits until nobody else migrates, and gives 1 where the lock is held; it ends
            with the connection, however that ends.
    """

    dialect: str
    lock: str
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
                locked = (await connection.execute(sa.text(self.lock))).scalar()
                if locked != 1:
                    raise DatabaseOpenError(
                        self.place, "another process has been migrating it for too long"
                    )
                await connection.commit()
                async with connection.begin():
                    return await connection.run_sync(work)
        except sa.exc.DBAPIError as error:
            raise self.told(error.orig or error) from error
        finally:
            await engine.dispose()
