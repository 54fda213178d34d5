"""No copy shows what was before for longer than is stated, whatever becomes of the connections."""

import asyncio
import contextlib
import itertools
import random
import time
from contextlib import AsyncExitStack
from urllib.parse import quote

import pytest

from blrcs.domain.errors import UnavailableError
from tests.conformance.cache.worlds import listening, until
from tests.integration.redis.caches import STALENESS_NS, Process
from tests.integration.redis.conftest import QUICK
from tests.servers.proxy import proxy
from tests.servers.redis import PASSWORD


@pytest.fixture
async def processes(request, server, connect):
    """Two, of whom the second hears of changes through a proxy."""
    patience = getattr(request, "param", QUICK)
    async with AsyncExitStack() as stack:
        between = await stack.enter_async_context(proxy(server.port))
        url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{between.port}"
        writer = Process(await connect(server.url(), **patience))
        reader = Process(await connect(url, **patience))
        for each in (writer, reader):
            await stack.enter_async_context(listening(each.cache))
        yield writer, reader, between


def of_listener(asked):
    return b"TRACKING" in asked


async def until_value(process, wanted):
    async with asyncio.timeout(30):
        while True:
            try:
                if await process.value() == wanted:
                    return
            except UnavailableError:
                pass
            await asyncio.sleep(0.005)


async def copied(process, wanted):
    """Has a process make a copy, when it has heard of all that was before."""
    await process.cache.feed._round()
    assert await process.value() == wanted
    assert process.has_copy()


async def test_a_copy_answers_until_the_entry_is_changed_elsewhere(processes):
    writer, reader, _ = processes
    await writer.set(b"1")
    await copied(reader, b"1")
    await writer.set(b"2")
    await until(lambda: not reader.has_copy())
    assert await reader.value() == b"2"


async def test_who_has_changed_an_entry_sees_it_at_once(processes):
    writer, _, _ = processes
    for number in range(200):
        await writer.set(b"%d" % number)
        assert await writer.value() == b"%d" % number
        assert await writer.value() == b"%d" % number
    await writer.cache.touch("n", "k", 1)
    assert await writer.value() is None
    await writer.cache.increment("n", "k", 1, None)
    assert await writer.value() == b"1"
    await writer.cache.delete("n", "k")
    assert await writer.value() is None
    await writer.set(b"3")
    assert await writer.value() == b"3"
    await writer.cache.flush("n")
    assert await writer.value() is None


async def test_everything_that_ends_an_entry_ends_its_copies(processes, server):
    writer, reader, _ = processes

    for end in (
        lambda: writer.cache.delete("n", "k"),
        lambda: writer.cache.flush("n"),
        lambda: writer.cache.touch("n", "k", 1),
        lambda: asyncio.to_thread(server.run, "DEL", "blrcs:cache:e:{n}:k"),
        lambda: asyncio.to_thread(server.run, "FLUSHALL"),
    ):
        await writer.set(b"1")
        await copied(reader, b"1")
        await end()
        await until(lambda: not reader.has_copy())
        assert await reader.value() is None


async def test_a_listener_that_hears_nothing_is_believed_for_the_bound_and_no_longer(processes):
    writer, reader, between = processes
    await writer.set(b"1")
    await copied(reader, b"1")
    between.hold(of_listener)
    await writer.set(b"2")
    reader.outlive_the_bound()
    assert await reader.value() == b"2"
    assert not reader.has_copy()
    between.release()
    await until(lambda: reader.cache.near.good_until_ns > reader.now_ns())
    await until_value(reader, b"2")


async def test_a_connection_that_is_half_open_is_given_up(processes):
    writer, reader, between = processes
    await writer.set(b"1")
    await copied(reader, b"1")
    between.hold()
    await writer.set(b"2")
    reader.outlive_the_bound()
    with pytest.raises(UnavailableError):
        await reader.value()
    # New connections are not held.
    await until_value(reader, b"2")


async def test_a_listener_that_is_cut_off_leaves_no_copy(processes, server):
    writer, reader, _ = processes
    await writer.set(b"1")
    await copied(reader, b"1")
    clients = server.run("CLIENT", "LIST").splitlines()
    for line in clients:
        fields = dict(part.partition("=")[::2] for part in line.split())
        if "t" in fields.get("flags", ""):
            server.run("CLIENT", "KILL", "ID", fields["id"])
    await until(lambda: not reader.has_copy())
    await writer.set(b"2")
    assert await reader.value() == b"2"
    await until(lambda: reader.cache.near.good_until_ns > 0)
    await until_value(reader, b"2")
    await writer.set(b"3")
    await until_value(reader, b"3")


@pytest.mark.parametrize("processes", [{"command_timeout": "30s"}], indirect=True)
async def test_what_was_read_before_a_change_is_not_kept_after_it(processes):
    writer, reader, between = processes
    await writer.set(b"1")
    await reader.value("other")
    between.hold(lambda asked: not of_listener(asked))
    reading = asyncio.create_task(reader.value())
    heard = reader.cache.near.stamp("n", "k")
    await until(lambda: between.held_bytes)
    await writer.set(b"2")
    await until(lambda: reader.cache.near.stamp("n", "k") != heard)
    between.release()
    assert await reading == b"1"
    assert not reader.has_copy()
    assert await reader.value() == b"2"


async def test_a_paused_redis_is_survived_by_copies_for_the_bound_alone(processes, server):
    writer, reader, _ = processes
    await writer.set(b"1")
    await copied(reader, b"1")
    server.pause()
    try:
        assert await reader.value() == b"1"
        reader.outlive_the_bound()
        with pytest.raises(UnavailableError) as caught:
            await reader.value()
        assert caught.value.reason == "REDIS_UNAVAILABLE"
    finally:
        server.resume()
    await until_value(reader, b"1")


async def test_a_write_of_which_nobody_knows_whether_it_was_made_leaves_no_copy(processes, server):
    writer, _, _ = processes
    await writer.set(b"1")
    assert await writer.value() == b"1"
    server.pause()
    try:
        with pytest.raises(UnavailableError):
            await writer.set(b"2")
        assert not writer.has_copy()
    finally:
        server.resume()
    async with asyncio.timeout(30):
        while True:
            try:
                assert await writer.value() in {b"1", b"2"}
            except UnavailableError:
                await asyncio.sleep(0.01)
            else:
                break


class History:
    """What was acknowledged when, and what was read."""

    def __init__(self):
        self.acknowledged = [(0, 0)]
        self.copies = 0
        self.is_over = False

    async def write(self, process):
        for number in itertools.count(1):
            if self.is_over:
                return
            with contextlib.suppress(UnavailableError):
                await process.set(b"%d" % number)
                self.acknowledged.append((time.monotonic_ns(), number))
            await asyncio.sleep(random.random() / 50)

    async def read(self, process, bound_ns):
        while not self.is_over:
            begun_ns = time.monotonic_ns()
            due = max(number for at, number in self.acknowledged if at + bound_ns <= begun_ns)
            self.copies += process.has_copy()
            try:
                found = int(await process.value() or 0)
            except UnavailableError:
                await asyncio.sleep(0.01)
                continue
            assert found >= due
            await asyncio.sleep(0)


async def test_no_read_shows_what_was_before_for_longer_than_the_bound(processes, server):
    writer, reader, between = processes
    for each in (writer, reader):
        each.let_time_pass()
    history = History()
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        group.create_task(history.write(writer))
        group.create_task(history.read(reader, STALENESS_NS))
        group.create_task(history.read(reader, STALENESS_NS))
        group.create_task(history.read(writer, 0))
        rounds = 0
        while rounds < 2 or history.copies <= 100 or len(history.acknowledged) <= 20:
            rounds += 1
            await asyncio.sleep(0.3)
            between.hold(of_listener)
            await asyncio.sleep(0.3)
            between.release()
            await asyncio.sleep(0.3)
            server.pause()
            await asyncio.sleep(0.3)
            server.resume()
            await asyncio.to_thread(server.run, "CLIENT", "KILL", "TYPE", "normal")
        history.is_over = True
