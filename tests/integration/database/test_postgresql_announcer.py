"""Servers on one PostgreSQL tell each other that there is something new."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from blrcs.database.postgresql.adapter import PostgresqlAdapter
from tests.conformance.cache.worlds import until

LISTENING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE query LIKE 'LISTEN%' OR query LIKE '%pg_notify%' AND pid <> pg_backend_pid()"
)


class Member:
    """A server that notes what it hears."""

    def __init__(self, database):
        self.announcer = database.announcer
        self.heard = []

    async def start(self, stack):
        task = asyncio.create_task(self.announcer.run(self.heard.append))

        async def end():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        stack.push_async_callback(end)
        # It is told that it may have missed something.
        await until(lambda: self.heard)


@pytest.fixture
async def opened(postgresql_server):
    async with AsyncExitStack() as stack:

        async def opened():
            opening = await PostgresqlAdapter.open(postgresql_server.url())
            member = Member(await stack.enter_async_context(opening))
            await member.start(stack)
            return member

        yield opened


async def killed(postgresql_server):
    """Ends the connections that listen; how many."""
    connection = await asyncpg.connect(postgresql_server.url())
    try:
        found = [row["pid"] for row in await connection.fetch(LISTENING)]
    finally:
        await connection.close()
    for pid in found:
        await asyncio.to_thread(postgresql_server.terminate, pid)
    return len(found)


async def test_all_others_hear_what_one_announces(opened):
    one, *others = [await opened() for _ in range(3)]
    one.announcer.announce("a")
    await until(lambda: all(len(each.heard) > 1 for each in others))
    assert [each.heard for each in (one, *others)] == [[None], *[[None, {"a"}]] * 2]


async def test_subjects_of_one_moment_are_told_once_each(opened):
    one, other = await opened(), await opened()
    for _ in range(3):
        one.announcer.announce("a")
        one.announcer.announce("b")
    await until(lambda: {"b"} in other.heard)
    assert other.heard == [None, {"a"}, {"b"}]


async def test_many_subjects_are_told_as_anything(opened):
    one, other = await opened(), await opened()
    for number in range(1000):
        one.announcer.announce(f"s{number}")
    await until(lambda: len(other.heard) > 1)
    assert other.heard == [None, None]


async def test_who_has_lost_its_connection_is_told_so_when_it_hears_again(
    opened, postgresql_server
):
    one, other = await opened(), await opened()
    assert await killed(postgresql_server) >= 2
    await until(lambda: one.heard == other.heard == [None, None])
    one.announcer.announce("a")
    await until(lambda: {"a"} in other.heard)


async def test_what_could_not_be_told_is_told_later(opened, postgresql_server):
    one, other = await opened(), await opened()
    await asyncio.to_thread(postgresql_server.stop)
    one.announcer.announce("a")
    # Here, since it ends with the thread that starts it.
    postgresql_server.start()
    # Whoever could not hear it then is told that it may have missed something.
    await until(lambda: other.heard.count(None) == 2 and one.heard.count(None) == 2)
    one.announcer.announce("b")
    await until(lambda: {"b"} in other.heard)


async def test_it_ends_with_its_server(opened, postgresql_server):
    async with AsyncExitStack() as stack:
        opening = await PostgresqlAdapter.open(postgresql_server.url())
        member = Member(await stack.enter_async_context(opening))
        await member.start(stack)
    assert await killed(postgresql_server) == 0
