"""Servers tell each other over Redis that there is something new."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from blrcs.redis.announcer import COUNTED_BYTES, Announcer
from blrcs.resilience.traffic import HEARD_AT_ONCE
from tests.conformance.cache.worlds import until
from tests.integration.redis.conftest import QUICK


class Member:
    """A server that notes what it hears."""

    def __init__(self, client, channel="stored", **options):
        self.announcer = Announcer(client, channel, **options)
        self.heard = []

    def start(self, stack):
        task = asyncio.create_task(self.announcer.run(self.heard.append))

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
        # Each is told that it may have missed something.
        await until(lambda: all(each.heard for each in found))
        yield found


async def test_all_others_hear_what_one_announces(members):
    one, *others = members
    one.announcer.announce("b")
    one.announcer.announce("a")
    one.announcer.announce("b")
    await until(lambda: all(len(each.heard) > 1 for each in others))
    assert [each.heard for each in members] == [[None], *[[None, {"a", "b"}]] * 2]


async def test_many_subjects_are_told_as_anything(members):
    one, other, _ = members
    for number in range(1000):
        one.announcer.announce(f"s{number}")
    await until(lambda: len(other.heard) > 1)
    assert other.heard == [None, None]


async def test_a_server_of_before_tells_of_what_all_go_by(members, connect, server):
    client = await connect(server.url())
    channel = f"{client.key_prefix}:stored:{client.database}"
    await client.call(channel, "SPUBLISH", channel, "0123456789abcdef")
    await until(lambda: all(len(each.heard) > 1 for each in members))
    assert members[0].heard == [None, {"stored"}]


@pytest.mark.parametrize("message", ["", " "])
async def test_what_says_nothing_has_nobody_stop_listening(members, connect, server, message):
    client = await connect(server.url())
    channel = f"{client.key_prefix}:stored:{client.database}"
    await client.call(channel, "SPUBLISH", channel, message)
    members[0].announcer.announce("a")
    await until(lambda: {"a"} in members[1].heard)
    assert members[1].heard == [None, {"a"}]


async def test_what_nobody_has_to_tell_is_not_read_and_looked_for(members, connect, server):
    client = await connect(server.url())
    channel = f"{client.key_prefix}:stored:{client.database}"
    forged = "x" * 10 * COUNTED_BYTES
    most = HEARD_AT_ONCE // 10
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(capture_logs())
        # No time passes in which there could be more of it.
        flooded = Member(await connect(server.url()), clock=lambda: 0)
        flooded.start(stack)
        await until(lambda: flooded.heard)
        for _ in range(most + 100):
            await client.call(channel, "SPUBLISH", channel, f"stranger {forged}")
        await until(lambda: flooded.heard.count(None) == 2)
        assert len(flooded.heard) <= most + 2
        members[0].announcer.announce("a")
        await until(lambda: flooded.heard.count(None) == 3)
        assert {"a"} not in flooded.heard
        assert [each["event"] for each in logs] == ["more is announced than is listened to"]


async def test_who_has_not_heard_for_a_while_is_told_so_when_it_hears_again(members, server):
    server.stop()
    members[0].announcer.announce("a")
    server.start()
    await until(lambda: all(each.heard.count(None) > 1 for each in members))


async def test_what_could_not_be_told_is_told_later(members, server):
    one, other, _ = members
    server.stop()
    one.announcer.announce("a")
    server.start()
    await until(lambda: other.heard.count(None) > 1 or {"a"} in other.heard)
    one.announcer.announce("b")
    await until(lambda: any(each and "b" in each for each in other.heard))


async def test_channels_are_apart(members, connect, server):
    async with AsyncExitStack() as stack:
        stranger = Member(await connect(server.url()), "other")
        stranger.start(stack)
        await until(lambda: stranger.heard)
        stranger.announcer.announce("a")
        members[0].announcer.announce("b")
        await until(lambda: len(members[1].heard) > 1)
        assert stranger.heard == [None]
        assert members[0].heard == [None]
