"""Servers tell each other that there is something new."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from blrcs.domain.errors import UnavailableError
from blrcs.redis.announcer import Announcer
from tests.conformance.cache.worlds import until
from tests.integration.redis.conftest import QUICK


class Member:
    """A server that counts how often it has looked."""

    def __init__(self, client, subject="stored"):
        self.announcer = Announcer(client, subject)
        self.looks = 0
        self.fails = False

    async def follow(self):
        self.looks += 1
        if self.fails:
            raise UnavailableError("DATABASE_UNAVAILABLE", "it is away")

    def start(self, stack):
        task = asyncio.create_task(self.announcer.run(self.follow))

        async def end():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        stack.push_async_callback(end)


@pytest.fixture
async def members(server, connect):
    async with AsyncExitStack() as stack:
        found = [Member(await connect(server.url(), **QUICK)) for _ in range(3)]
        for each in found:
            each.start(stack)
        # Each looks once it can be told.
        await until(lambda: all(each.looks for each in found))
        yield found


async def test_all_others_look_when_one_announces(members):
    one, *others = members
    before = [each.looks for each in members]
    one.announcer.announce()
    await until(lambda: all(each.looks > 1 for each in others))
    assert one.looks == before[0]


async def test_who_cannot_look_now_looks_at_the_next_announcement(members):
    one, other, _ = members
    other.fails = True
    looks = other.looks
    one.announcer.announce()
    await until(lambda: other.looks > looks)
    other.fails, looks = False, other.looks

    def announced():
        one.announcer.announce()
        return other.looks > looks

    await until(announced)


async def test_who_has_not_heard_for_a_while_looks_when_it_hears_again(members, server):
    looks = [each.looks for each in members]
    server.stop()
    members[0].announcer.announce()
    server.start()
    await until(
        lambda: all(each.looks > before for each, before in zip(members, looks, strict=True))
    )


async def test_subjects_are_apart(members, connect, server):
    async with AsyncExitStack() as stack:
        stranger = Member(await connect(server.url()), "other")
        stranger.start(stack)
        await until(lambda: stranger.looks == 1)
        looks = [each.looks for each in members]
        stranger.announcer.announce()
        members[0].announcer.announce()
        await until(lambda: members[1].looks > looks[1])
        assert stranger.looks == 1
        assert members[0].looks == looks[0]
