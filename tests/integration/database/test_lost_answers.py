"""Databases that do what they are asked for, and are lost before they say so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.errors import IntegrityViolationError
from blrcs.domain.errors import OutcomeUnknownError, UnavailableError
from tests.integration.database.reached import (
    ADD,
    PATIENCE_S,
    THIS,
    Reached,
    reached_database,
    until,
)

ANSWERED = b"COMMIT"


@pytest.fixture(params=["postgresql", "mariadb"])
async def reached(request: pytest.FixtureRequest) -> AsyncIterator[Reached]:
    server = request.getfixturevalue(f"{request.param}_server")
    async with reached_database(server, PATIENCE_S) as reached:
        yield reached


async def transaction(database: DatabaseAdapter) -> None:
    async with database.transaction() as begun:
        await begun.execute(ADD, id="lost")


async def operation(database: DatabaseAdapter) -> None:
    async def add(begun: Transaction) -> None:
        await begun.execute(ADD, id="lost")

    await database.run(add)


async def statement(database: DatabaseAdapter) -> None:
    await database.execute(ADD, id="lost")


async def many(database: DatabaseAdapter) -> None:
    await database.execute_many(ADD, [{"id": "lost"}, {"id": "lost-as-well"}])


Write = Callable[[DatabaseAdapter], Awaitable[None]]
WRITES: dict[Write, bytes] = {
    transaction: ANSWERED,
    operation: ANSWERED,
    statement: b"lost",
}
"""With what is asked last."""


@pytest.mark.parametrize("write", WRITES)
async def test_a_caller_goes_and_the_connection_makes_room(reached: Reached, write: Write) -> None:
    reached.proxy.hold_at(WRITES[write])
    task = asyncio.ensure_future(write(reached.database))
    await reached.held_back()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The only one that there may be.
    assert await reached.ids() == ["first", "lost"]
    await until(lambda: reached.lent.count == 0)


@pytest.mark.parametrize("write", WRITES)
async def test_what_was_done_is_not_told_as_not_done(reached: Reached, write: Write) -> None:
    reached.proxy.hold_at(WRITES[write])
    task = asyncio.ensure_future(write(reached.database))
    await reached.held_back()
    reached.proxy.cut()
    with pytest.raises(OutcomeUnknownError) as caught:
        await task
    assert (caught.value.code, caught.value.reason) == ("UNKNOWN", "OUTCOME_UNKNOWN")
    # And it was not tried again.
    assert await reached.ids() == ["first", "lost"]
    assert reached.lent.count == 0


async def test_many_rows_are_not_told_as_not_there(reached: Reached) -> None:
    # The one sends them by a statement of its own, the other in a transaction.
    reached.proxy.hold_at(b"lost-as-well")
    task = asyncio.ensure_future(many(reached.database))
    await reached.held_back()
    reached.proxy.cut()
    with pytest.raises(UnavailableError) as caught:
        await task
    told = OutcomeUnknownError if "lost" in await reached.ids() else UnavailableError
    assert type(caught.value) is told


async def test_what_was_only_read_is_not_told_as_unknown(reached: Reached) -> None:
    async def read() -> None:
        await reached.database.fetch_all(THIS, wanted="wanted")

    async def snapshot() -> None:
        async with reached.database.snapshot() as begun:
            await begun.fetch_all(THIS, wanted="wanted")

    for reading, words in ((read, b"wanted"), (snapshot, ANSWERED)):
        reached.proxy.hold_at(words)
        task = asyncio.ensure_future(reading())
        await reached.held_back()
        reached.proxy.cut()
        with pytest.raises(UnavailableError) as caught:
            await asyncio.wait_for(task, PATIENCE_S)
        assert caught.value.reason == "DATABASE_UNAVAILABLE"


async def test_what_was_lost_before_its_commit_is_not_done(reached: Reached) -> None:
    async def lose() -> None:
        async with reached.database.transaction() as begun:
            await begun.execute(ADD, id="lost")
            reached.proxy.hold()
            reached.proxy.cut()
            await until(lambda: is_lost(begun))

    with pytest.raises(UnavailableError) as caught:
        await lose()
    assert caught.value.reason == "DATABASE_UNAVAILABLE"
    assert await reached.ids() == ["first"]


def is_lost(begun: Transaction) -> bool:
    connection = begun._connection  # type: ignore[attr-defined]
    return connection.is_closed() if hasattr(connection, "is_closed") else not connection.is_open


async def test_a_write_that_is_refused_is_told_as_such(reached: Reached) -> None:
    await statement(reached.database)
    with pytest.raises(IntegrityViolationError):
        await statement(reached.database)
