import asyncio
import contextlib

import pytest
import structlog
from redis.exceptions import ResponseError

from blrcs.domain.errors import ResourceExhaustedError, UnavailableError
from blrcs.redis.errors import RedisOpenError
from blrcs.redis.line import MAX_ASKED, MAX_LEAVING_BYTES
from blrcs.redis.script import Script
from tests.integration.redis.conftest import QUICK
from tests.servers.redis import PASSWORD, redis

ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


async def until_it_answers(client):
    """The next answer; nothing but calling tells that a server is back."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await client.call("n", "GET", "n")
            except UnavailableError:
                await asyncio.sleep(0.02)


async def test_a_script_is_loaded_where_redis_does_not_know_it(server, connect):
    client = await connect(server.url())
    assert await client.run(ADD, ["n"], 2) == 2
    server.run("SCRIPT", "FLUSH")
    counted = await asyncio.gather(*[client.run(ADD, ["n"], 1) for _ in range(5)])
    assert sorted(counted) == [3, 4, 5, 6, 7]


async def test_unix_sockets_and_databases(server, connect):
    there = await connect(server.url(database=3))
    await there.call("a", "SET", "a", "three")
    here = await connect(server.url())
    assert await here.call("a", "GET", "a") is None
    socket = await connect(f"unix://:correct%3A%20horse%2F%40@{server.socket}?db=3")
    assert await socket.call("a", "GET", "a") == b"three"


async def test_who_gives_up_does_not_disturb_the_answers_of_others(server, connect):
    client = await connect(server.url(), pool_size=1)
    asked = [asyncio.create_task(client.call("k", "ECHO", str(n))) for n in range(100)]
    await asyncio.sleep(0)
    for task in asked[::2]:
        task.cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[1::2] == [b"%d" % n for n in range(1, 100, 2)]


async def test_a_refusal_concerns_its_command_alone(server, connect):
    client = await connect(server.url(), pool_size=1)
    await client.call("text", "SET", "text", "x")
    failed, right = await asyncio.gather(
        client.call("text", "INCR", "text"), client.call("n", "INCR", "n"), return_exceptions=True
    )
    assert isinstance(failed, ResponseError)
    assert right == 1


async def test_no_more_wait_than_may(server, connect):
    client = await connect(server.url(), pool_size=1)
    asked = [client.call("n", "INCR", "n") for _ in range(MAX_ASKED + 10)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, ResourceExhaustedError)]
    assert len(refused) == 10
    assert {each.reason for each in refused} == {"REDIS_OVERLOADED"}
    assert int(await client.call("n", "GET", "n")) == MAX_ASKED


async def test_a_server_without_memory_says_so(connect):
    with redis({"maxmemory": "1mb"}) as small:
        client = await connect(small.url())
        with contextlib.suppress(ResourceExhaustedError):
            await client.call("a", "SET", "a", "x" * 2_000_000)
        with pytest.raises(ResourceExhaustedError) as caught:
            await client.call("b", "SET", "b", "x")
        assert caught.value.reason == "REDIS_OUT_OF_MEMORY"


async def test_a_server_that_ends_and_comes_back(server, connect):
    client = await connect(server.url(), **QUICK)
    await client.call("n", "SET", "n", "1")
    with structlog.testing.capture_logs() as log:
        server.stop()
        for _ in range(3):
            with pytest.raises(UnavailableError) as caught:
                await client.call("n", "GET", "n")
            assert caught.value.reason == "REDIS_UNAVAILABLE"
        server.start()
        await until_it_answers(client)
    assert [each["event"] for each in log] == ["Redis is away", "Redis is back"]
    assert PASSWORD not in repr(log)


async def test_a_server_that_is_silent_is_not_waited_for(server, connect):
    client = await connect(server.url(), **QUICK)
    await client.call("n", "SET", "n", "1")
    server.pause()
    try:
        asked = [client.call("n", "INCR", "n") for _ in range(20)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(each, UnavailableError) for each in answers)
    finally:
        server.resume()
    assert await until_it_answers(client)


async def test_nothing_is_done_twice(server, connect):
    client = await connect(server.url(), **QUICK)
    done = failed = 0
    stop = False

    async def count():
        nonlocal done, failed
        while not stop:
            try:
                await client.run(ADD, ["n"], 1)
                done += 1
            except UnavailableError:
                failed += 1
                await asyncio.sleep(0.01)

    counting = [asyncio.create_task(count()) for _ in range(16)]
    try:
        async with asyncio.timeout(60):
            for _ in range(3):
                was_done, had_failed = done, failed
                while done == was_done:  # noqa: ASYNC110 - counted in many places
                    await asyncio.sleep(0.01)
                server.pause()
                while failed == had_failed:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                server.resume()
    finally:
        server.resume()
        stop = True
        await asyncio.gather(*counting)
    counted = int(await until_it_answers(client))
    assert done <= counted <= done + failed


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://:hush@127.0.0.1:1", "cannot be used"),
        ("redis+cluster://:hush@127.0.0.1:1,127.0.0.1:2", "cannot be used"),
        ("redis+sentinel://:hush@127.0.0.1:1/main", "cannot be used"),
        ("unix://:hush@/nowhere", "cannot be used"),
        ("redis://:hush@PLACE", "invalid username-password"),
        ("redis+cluster://:correct%3A%20horse%2F%40@PLACE", "cluster support disabled"),
        ("rediss://:hush@PLACE", "does not answer in time"),
        ("rediss://:hush@PLACE?ca=/nowhere", "cannot be used"),
    ],
)
async def test_what_keeps_it_from_starting_is_one_line(server, connect, url, problem):
    with pytest.raises(RedisOpenError) as caught:
        await connect(url.replace("PLACE", server.place), **QUICK)
    assert problem in str(caught.value)
    assert "hush" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_silent_server_keeps_it_from_starting(server, connect):
    server.pause()
    try:
        with pytest.raises(RedisOpenError, match="does not answer in time"):
            await connect(server.url(), **QUICK)
    finally:
        server.resume()


async def test_no_more_is_kept_for_a_network_that_takes_nothing_than_may_be(server, connect):
    client = await connect(server.url(), pool_size=1)
    await client.call("k", "PING")
    server.pause()
    try:
        value = b"x" * (1 << 20)
        asked = [
            asyncio.create_task(client.call("k", "SET", "k", value))
            for _ in range(MAX_LEAVING_BYTES // len(value) + 8)
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    finally:
        server.resume()
    reasons = [each.reason for each in answers]
    assert set(reasons) == {"REDIS_OVERLOADED", "REDIS_UNAVAILABLE"}
    assert reasons.count("REDIS_OVERLOADED") <= 8


async def test_who_does_not_insist_begins_without_redis(connect):
    with redis() as server:
        server.stop()
        client = await connect(server.url(), insist=False, **QUICK)
        with pytest.raises(UnavailableError):
            await client.call("n", "GET", "n")
        server.start()
        assert await until_it_answers(client) is None


async def test_what_the_network_does_not_take_is_thrown_away(server, connect):
    client = await connect(server.url(), pool_size=1, **QUICK)
    await client.call("k", "PING")
    server.pause()
    try:
        value = b"x" * (8 << 20)
        with pytest.raises(UnavailableError):
            await client.call("k", "SET", "k", value)
        (line,) = client._lines
        await asyncio.wait_for(line.wait_closed(), 30)
        writer = line._connection._writer
        assert writer is None or not writer.transport.get_write_buffer_size()
    finally:
        server.resume()
