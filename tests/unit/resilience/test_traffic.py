"""However many servers have something to tell all the time, all of them can be heard."""

import asyncio
import heapq

import pytest
from structlog.testing import capture_logs

from blrcs.redis.announcer import Announcer
from blrcs.resilience.traffic import (
    HEARD_PER_S,
    LONGEST_TELL_S,
    TELL_S,
    UNHURRIED_PER_S,
    Traffic,
)

NS_PER_S = 1_000_000_000
TRIP_NS = 200_000


class Time:
    """Passes as soon as somebody waits for it."""

    def __init__(self):
        self.now_ns = 0
        self.a_minute_has_passed = asyncio.Event()

    def __call__(self):
        return self.now_ns

    async def sleep(self, wait_s):
        self.now_ns += int(wait_s * NS_PER_S)
        if self.now_ns > 60 * NS_PER_S:
            self.a_minute_has_passed.set()
        await asyncio.sleep(0)


class Client:
    """A Redis that gives back what one publishes, after a round trip."""

    key_prefix, database = "k", 0

    def __init__(self, time):
        self._time = time
        self.announcer = None
        self.count = 0

    async def call(self, _key, _command, channel, message):
        self.count += 1
        await self._time.sleep(TRIP_NS / NS_PER_S)
        self.announcer._told(channel, message.encode())
        # It has the next to tell at once.
        self.announcer.announce(f"tenants/t/collections/c{self.count % 7}")


@pytest.fixture
def time():
    return Time()


async def waited(traffic):
    slept = []

    async def sleep(wait_s):
        slept.append(wait_s)

    traffic._sleep = sleep
    await traffic.told()
    return slept[0]


async def busy(time, workers, for_s):
    """Workers that tell whenever they may, which all hear the same; how often in a second."""
    traffic = Traffic(time)
    due = [number * TRIP_NS // workers for number in range(workers)]
    told = 0
    while due[0] < for_s * NS_PER_S:
        time.now_ns = heapq.heappop(due)
        traffic.heard(1)
        assert not traffic.is_too_much
        told += 1
        # As one does that has told more than it may at once.
        wait_s = max(traffic.interval_s, TELL_S)
        heapq.heappush(due, time.now_ns + TRIP_NS + int(wait_s * NS_PER_S))
    return told / for_s


@pytest.mark.parametrize("workers", [5, 40, 400, 1000])
async def test_all_who_are_busy_can_be_heard(time, workers):
    told_per_s = await busy(time, workers, for_s=10)
    assert min(workers, UNHURRIED_PER_S) < told_per_s < HEARD_PER_S


async def test_one_alone_tells_at_once_and_a_hundred_times_a_second_at_most(time):
    traffic = Traffic(time)
    assert await waited(traffic) == 0
    for _ in range(200):
        await traffic.told()
    assert await waited(traffic) == TELL_S


async def test_who_hears_more_tells_less_often_until_that_is_over(time):
    traffic = Traffic(time)
    traffic.heard(10 * UNHURRIED_PER_S)
    assert await waited(traffic) == pytest.approx(10 * TELL_S)
    time.now_ns += 60 * NS_PER_S
    assert await waited(traffic) == pytest.approx(0)


async def test_however_much_a_stranger_tells_it_is_told_once_in_a_while(time):
    traffic = Traffic(time)
    traffic.heard(1000 * HEARD_PER_S)
    assert traffic.is_too_much
    assert await waited(traffic) == LONGEST_TELL_S
    time.now_ns += 10 * NS_PER_S
    assert not traffic.is_too_much


async def test_an_announcer_on_redis_is_paced_and_does_not_hear_itself(time):
    client = Client(time)
    announcer = client.announcer = Announcer(client, "stored", time, time.sleep)
    heard = []
    announcer._hear = heard.append
    announcer.announce("a")
    telling = asyncio.create_task(announcer._tell())
    await time.a_minute_has_passed.wait()
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert 60 / TELL_S / 2 < client.count <= 60 / TELL_S + 100
    assert announcer._traffic.interval_s == TELL_S
    assert heard == []


def test_a_flood_is_logged_once_until_there_was_none_for_a_minute(time):
    traffic = Traffic(time, time.sleep)
    with capture_logs() as logs:
        for _ in range(100):
            assert traffic.flood_begins("stored") is (time.now_ns == 0)
            time.now_ns += 59 * NS_PER_S
        assert len(logs) == 1
        assert logs[0]["channel"] == "stored"
        time.now_ns += NS_PER_S
        assert traffic.flood_begins("stored")
    assert len(logs) == 2
