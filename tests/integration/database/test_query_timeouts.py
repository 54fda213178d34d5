"""Reads that are held up, of whoever has no deadline."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from blrcs.database.adapter import Transaction
from blrcs.database.statement import Statement
from blrcs.domain.errors import DeadlineExceededError
from tests.integration.database.reached import ADD, THIS, Reached, reached_database, until

TIMEOUT_S = 0.2
SLEEPS = {
    "postgresql": Statement(sa.select(sa.func.pg_sleep(600).label("slept"))),
    "mariadb": Statement(sa.select(sa.func.sleep(600).label("slept"))),
}
SHORT = {
    "postgresql": Statement(sa.select(sa.func.pg_sleep(3 * TIMEOUT_S).label("slept"))),
    "mariadb": Statement(sa.select(sa.func.sleep(3 * TIMEOUT_S).label("slept"))),
}


@pytest.fixture(params=["postgresql", "mariadb"])
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def reached(request: pytest.FixtureRequest, kind: str) -> AsyncIterator[Reached]:
    server = request.getfixturevalue(f"{kind}_server")
    async with reached_database(server, TIMEOUT_S) as reached:
        yield reached


async def test_a_query_that_takes_too_long_is_ended(reached: Reached, kind: str) -> None:
    for fetch in (reached.database.fetch_all, reached.database.fetch_one):
        with pytest.raises(DeadlineExceededError) as caught:
            await fetch(SLEEPS[kind])
        assert caught.value.reason == "QUERY_TIMED_OUT"
        # The only connection that there may be.
        assert await reached.ids() == ["first"]
    await until(lambda: reached.lent.count == 0)


async def test_one_without_an_answer_makes_room(reached: Reached) -> None:
    reached.proxy.hold()
    with pytest.raises(DeadlineExceededError) as caught:
        await reached.database.fetch_all(THIS, wanted="first")
    assert caught.value.reason == "QUERY_TIMED_OUT"
    assert await reached.ids() == ["first"]
    await until(lambda: reached.lent.count == 0)


async def test_a_host_that_has_vanished_is_given_up(reached: Reached, kind: str) -> None:
    """By the system, also where something was sent, for which it does not probe."""
    database: Any = reached.database
    pool = database._pool if kind == "postgresql" else database._lender._pool
    (connection,) = pool._open
    connected = connection._transport.get_extra_info("socket")
    assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


async def test_a_transaction_may_take_longer(reached: Reached, kind: str) -> None:
    async def operation(transaction: Transaction) -> None:
        await transaction.execute(ADD, id="second")
        await transaction.fetch_all(SHORT[kind])

    await reached.database.run(operation)
    assert await reached.ids() == ["first", "second"]
