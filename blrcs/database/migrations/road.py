"""How migrations reach a database."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:  # it takes long to import, and most starts have nothing to migrate
    import sqlalchemy as sa

Result = TypeVar("Result")


class MigrationRoad(Protocol):
    """The way to one database. Its methods raise DatabaseOpenError where it cannot be reached."""

    @property
    def place(self) -> Path | str:
        """What errors name."""
        ...

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the kind."""
        ...

    async def stored(self, tables: Sequence[str]) -> list[str | None]:
        """The revision in each version table; None where there is none, or no such table.

        By plain statements of the driver: a start with nothing to migrate imports no alembic.
        """
        ...

    async def run(self, work: Callable[["sa.Connection"], Result]) -> Result:
        """Runs work in a transaction, while nobody else runs any; waits until that is so.

        Killed on the way, it has changed nothing, or as much as can be run again.
        """
        ...
