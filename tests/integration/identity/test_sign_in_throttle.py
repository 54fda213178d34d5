"""How long failures keep waiting, wherever they are counted."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest

from blrcs.config.redis import Redis
from blrcs.database.repositories.sign_in_failures import StoredFailureCounts
from blrcs.domain.errors import UnavailableError
from blrcs.limits.redis_cells import RedisCells
from blrcs.limits.redis_failures import RedisFailureCounts
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl
from blrcs.security.failure_counts import LimiterFailureCounts
from blrcs.security.sign_in_throttle import CountingSignInThrottle
from blrcs_native.limits.limiter import Limiter

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
PATIENCE_S = 30


class Clock:
    now_ns = 1_000_000_000_000

    def __call__(self):
        return self.now_ns


@asynccontextmanager
async def counted_in_redis(url, clock, without=None):
    client = RedisClient(RedisUrl.parse(url), Redis(command_timeout="1m"))
    cells = RedisCells(
        client,
        "failures",
        key_prefix="test:",
        timeout_s=PATIENCE_S,
        retry_s=0.01,
        clock_us=lambda: clock() // 1000,
    )
    try:
        yield RedisFailureCounts(cells, without or LimiterFailureCounts(Limiter(64, clock=clock)))
    finally:
        await cells.close()
        await client.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["limiter", "redis", "sqlite", "postgresql", "mariadb"])
async def counts(request, clock):
    if request.param == "limiter":
        yield LimiterFailureCounts(Limiter(1024, clock=clock))
    elif request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.flush()
        async with counted_in_redis(server.url(), clock) as counts:
            yield counts
    else:
        store = request.getfixturevalue(f"{request.param}_store")
        async with store.open() as (database, _):
            yield StoredFailureCounts(database, clock)
        await store.empty()


@pytest.fixture
def make_throttle(counts):
    return partial(CountingSignInThrottle, counts)


async def fail(throttle, user_id="alice", *, times, address="192.0.2.1", familiar=False):
    """As many failures as are admitted at once, of so many tries."""
    waits = [await throttle.allow(user_id, address, familiar=familiar) for _ in range(times)]
    return waits.count(None)


async def waits_of(throttle, clock, *, failures, **where):
    """How long each further try has to wait, in seconds, that comes as soon as it may."""
    waits = []
    for _ in range(failures):
        wait_ns = await throttle.allow("alice", "192.0.2.1", **where)
        waits.append(wait_ns / SECOND_NS)
        clock.now_ns += wait_ns
        assert await throttle.allow("alice", "192.0.2.1", **where) is None
    return waits


async def test_ten_failures_of_an_account_need_not_wait(make_throttle):
    throttle = make_throttle()

    assert [await throttle.allow("alice", f"192.0.2.{i}") for i in range(10)] == [None] * 10
    assert await throttle.allow("alice", "198.51.100.1") == 4 * SECOND_NS
    assert await throttle.allow("bob", "198.51.100.1") is None


async def test_the_waits_double_up_to_a_bound(make_throttle, clock):
    throttle = make_throttle()
    await fail(throttle, times=10)

    waits = await waits_of(throttle, clock, failures=11)

    assert waits == [4, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512]


async def test_waiting_forgives_all_in_the_end(make_throttle, clock):
    throttle = make_throttle()
    await fail(throttle, times=10)
    await waits_of(throttle, clock, failures=5)

    clock.now_ns += 24 * 60 * MINUTE_NS

    assert await fail(throttle, times=11) == 10


async def test_successes_are_given_back(make_throttle):
    throttle = make_throttle(address_failures=10)

    for _ in range(50):
        assert await throttle.allow("alice", "192.0.2.1") is None
        await throttle.refund("alice", "192.0.2.1")
        assert await throttle.allow("alice", "192.0.2.1", familiar=True) is None
        await throttle.refund("alice", "192.0.2.1", familiar=True)


async def test_one_address_cannot_try_all_accounts(make_throttle):
    throttle = make_throttle(address_failures=20)

    answers = [await throttle.allow(f"user-{i}", "192.0.2.1") for i in range(21)]

    assert answers[:20] == [None] * 20
    assert answers[20] is not None
    assert await throttle.allow("user-0", "192.0.2.2") is None


async def test_an_address_of_ipv6_is_its_whole_network(make_throttle):
    throttle = make_throttle(address_failures=20)

    answers = [await throttle.allow(f"user-{i}", f"2001:db8::{i + 1:x}") for i in range(21)]

    assert answers.count(None) == 20
    assert await throttle.allow("user-0", "2001:db8:0:1::1") is None


async def test_a_refusal_takes_nothing_from_either(make_throttle):
    throttle = make_throttle(account_failures=1, address_failures=3)
    for _ in range(5):
        await throttle.allow("alice", "192.0.2.1")

    assert await throttle.allow("bob", "192.0.2.1") is None
    assert await throttle.allow("carol", "192.0.2.1") is None
    assert await throttle.allow("dave", "192.0.2.1") is not None


async def test_an_address_is_no_account(make_throttle):
    throttle = make_throttle(account_failures=1)
    await throttle.allow("192.0.2.1", "192.0.2.2")

    assert await throttle.allow("192.0.2.2", "192.0.2.1") is None


async def test_strangers_do_not_lock_the_owner_out(make_throttle):
    throttle = make_throttle(address_failures=1000)
    await fail(throttle, times=100, address="203.0.113.9")
    assert await throttle.allow("alice", "192.0.2.1") is not None

    assert await throttle.allow("alice", "192.0.2.1", familiar=True) is None


async def test_guesses_from_a_familiar_address_have_to_wait_too(make_throttle, clock):
    throttle = make_throttle()

    assert await fail(throttle, times=20, familiar=True) == 5
    assert await waits_of(throttle, clock, failures=3, familiar=True) == [4, 4, 8]
    assert await throttle.allow("alice", "192.0.2.2", familiar=True) is None


async def test_a_familiar_address_is_bounded_over_all_accounts(make_throttle):
    throttle = make_throttle(address_failures=20)

    answers = [await throttle.allow(f"user-{i}", "192.0.2.1", familiar=True) for i in range(21)]

    assert answers.count(None) == 20


async def test_an_account_is_forgiven_with_its_familiar_addresses_and_no_other(
    make_throttle, clock
):
    throttle = make_throttle(address_failures=1000)
    for user_id in ("alice", "bob"):
        await fail(throttle, user_id, times=20)
        await fail(throttle, user_id, times=20, familiar=True)

    await throttle.forgive("alice", ["192.0.2.1"])

    assert await fail(throttle, "alice", times=20) == 10
    assert await fail(throttle, "alice", times=20, familiar=True) == 5
    assert await fail(throttle, "bob", times=20) == 0


async def test_purposes_are_counted_apart(make_throttle):
    await fail(make_throttle(), times=20)

    assert await fail(make_throttle(purpose="second-factor"), times=20) == 10


async def test_attempts_at_once_are_as_many_as_one_after_another(make_throttle):
    throttle = make_throttle()

    waits = await asyncio.gather(*(throttle.allow("alice", f"192.0.2.{i}") for i in range(24)))

    assert waits.count(None) == 10


@pytest.fixture
async def without(sqlite_store, clock):
    async with sqlite_store.open() as (database, _):
        yield StoredFailureCounts(database, clock)


async def test_without_redis_it_is_counted_elsewhere(redis_server, without, clock):
    redis_server.flush()
    async with counted_in_redis("redis://127.0.0.1:1", clock, without) as counts:
        throttle = CountingSignInThrottle(counts)
        assert await fail(throttle, times=20) == 10
        await throttle.refund("alice", "192.0.2.1")
        with pytest.raises(UnavailableError, match="try again"):
            await throttle.forgive("alice")
    assert await fail(CountingSignInThrottle(without), times=20) == 10


async def test_what_keeps_nobody_waiting_is_purged(without, clock):
    throttle = CountingSignInThrottle(without)
    await fail(throttle, times=11)
    await fail(throttle, "bob", times=1, address="192.0.2.2")
    clock.now_ns += 10 * MINUTE_NS

    assert await without.purge() == 3
    assert await fail(throttle, times=20) == 8
