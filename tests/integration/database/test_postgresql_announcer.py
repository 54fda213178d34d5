"""Servers on one PostgreSQL tell each other that there is something new."""

import asyncio
import time
from contextlib import AsyncExitStack

import asyncpg
import pytest

from blrcs.application.ports.announcer import STORED
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.announcer import CHANNEL
from blrcs.resilience.news import MAX_SUBJECTS
from blrcs.resilience.traffic import HEARD_AT_ONCE, HEARD_PER_S
from tests.conformance.cache.worlds import until

LISTENING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE query LIKE 'LISTEN%' OR query LIKE '%pg_notify%' AND pid <> pg_backend_pid()"
)


FLOOD = (
    f"SELECT pg_notify('{CHANNEL}', number::text)"
    f" FROM generate_series(1, {4 * HEARD_AT_ONCE}) AS made (number)"
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
    await until(lambda: len(other.heard) > 1)
    assert other.heard == [None, {"a", "b"}]


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
    # What was to be told before may come along.
    await until(lambda: any(each and "b" in each for each in other.heard))


async def test_subjects_that_fill_more_than_one_notification_are_all_told(opened):
    one, other = await opened(), await opened()
    subjects = {f"{number:02}{'x' * 140}" for number in range(MAX_SUBJECTS - 1)} | {STORED}
    for each in subjects:
        one.announcer.announce(each)
    await until(lambda: sum(map(len, other.heard[1:])) == len(subjects))
    assert frozenset().union(*other.heard[1:]) == subjects
    # Servers of before know it by itself alone.
    assert {STORED} in other.heard


async def test_who_is_flooded_stops_listening_and_looks_when_it_listens_again(
    opened, postgresql_server
):
    one, other = await opened(), await opened()
    stranger = await asyncpg.connect(postgresql_server.url())
    try:
        begun_s = time.monotonic()
        await stranger.execute(FLOOD)
        await until(lambda: other.heard.count(None) == 2)
        # On a machine that is busy, more may be heard in the time that it takes.
        took_s = time.monotonic() - begun_s
        assert len(other.heard) < 2 * HEARD_AT_ONCE + HEARD_PER_S * took_s
        await until(lambda: one.heard.count(None) == 2)
        one.announcer.announce("a")
        await until(lambda: {"a"} in other.heard)
    finally:
        await stranger.close()


async def test_it_ends_with_its_server(opened, postgresql_server):
    async with AsyncExitStack() as stack:
        opening = await PostgresqlAdapter.open(postgresql_server.url())
        member = Member(await stack.enter_async_context(opening))
        await member.start(stack)
    assert await killed(postgresql_server) == 0
