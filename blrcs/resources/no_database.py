"""A database for where there is none."""

from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.dialect import Dialect
from blrcs.database.statement import Row


class NoDatabase(DatabaseAdapter):
    """Can be handed on and not be used: each method but ``close`` raises RuntimeError."""

    @property
    def dialect(self) -> Dialect:
        """See the port."""
        _refuse()

    async def fetch_one(self, *_: Any, **__: Any) -> Row | None:
        """See the port."""
        _refuse()

    async def fetch_all(self, *_: Any, **__: Any) -> list[Row]:
        """See the port."""
        _refuse()

    async def execute(self, *_: Any, **__: Any) -> int:
        """See the port."""
        _refuse()

    async def execute_many(self, *_: Any, **__: Any) -> None:
        """See the port."""
        _refuse()

    def transaction(self, *_: Any, **__: Any) -> AbstractAsyncContextManager[Transaction]:
        """See the port."""
        _refuse()

    async def define(self, *_: Any) -> None:
        """See the port."""
        _refuse()

    async def check(self) -> None:
        """See the port."""
        _refuse()

    async def close(self) -> None:
        """See the port."""


def _refuse() -> NoReturn:
    raise RuntimeError("a service that is only described has no database")
