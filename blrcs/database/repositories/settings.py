"""Values that the server makes once and keeps."""

from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Reads, Transaction
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.statement import Statement
from blrcs.database.tables import settings

_BY_KEY = Statement(sa.select(settings.c.value).where(settings.c.key == sa.bindparam("of_key")))
_ADD = Statement(sa.insert(settings))
_CHANGE = Statement(
    sa.update(settings)
    .where(settings.c.key == sa.bindparam("of_key"))
    .values(value=sa.bindparam("new_value"))
)


async def stored(database: Reads | Transaction, key: str) -> bytes | None:
    """The value kept under a key, if there is one."""
    row = await database.fetch_one(_BY_KEY, of_key=key)
    return None if row is None else bytes(row.value)


async def get_or_make(database: DatabaseAdapter, key: str, make: Callable[[], bytes]) -> bytes:
    """The value kept under a key; at first what ``make`` gives."""

    async def operation(transaction: Transaction) -> bytes:
        row = await transaction.fetch_one(_BY_KEY, of_key=key)
        if row is not None:
            return bytes(row.value)
        value = make()
        await transaction.execute(_ADD, key=key, value=value)
        return value

    return await database.run(operation)


async def put_if(
    database: DatabaseAdapter,
    key: str,
    before: bytes | None,
    after: bytes,
    beside: Callable[[Transaction], Awaitable[None]],
) -> bool:
    """Puts a value in the place of another one, or of none; False where that is not there.

    ``beside`` is done before in the same transaction; what it raises comes out.
    """

    async def operation(transaction: Transaction) -> bool:
        await beside(transaction)
        row = await transaction.fetch_one(_BY_KEY, of_key=key)
        if (None if row is None else bytes(row.value)) != before:
            return False
        if row is None:
            await transaction.execute(_ADD, key=key, value=after)
        else:
            await transaction.execute(_CHANGE, of_key=key, new_value=after)
        return True

    try:
        return await database.run(operation)
    except IntegrityViolationError:
        # Somebody else was first.
        return False
