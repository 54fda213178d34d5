"""What announcements of strangers bring about: a look, and no more of them than there may be."""

import asyncio
from contextlib import ExitStack

import pytest
import structlog

from blrcs.application.ports.announcer import STORED
from blrcs.assembly.following import BUSY_S, LOOKS, LOOKS_PER_S, WATCHERS, Following
from blrcs.database.errors import query_timed_out
from blrcs.domain.record_name import CollectionKey
from blrcs.records.change_signal import LocalChangeSignal

WATCHED = CollectionKey("acme", "watched")
NS_PER_S = 1_000_000_000
FLOOD_S = 60
MOST = LOOKS + LOOKS_PER_S + FLOOD_S / BUSY_S
"""What fills a bucket, and one after another when it is full."""
QUIET = "tenants/acme/collections/nobody-watches"


class Announcer:
    """Has its server hear what a test says."""

    def __init__(self):
        self.hear = None

    def announce(self, subject):
        raise AssertionError(subject)

    async def run(self, hear):
        self.hear = hear
        await asyncio.Event().wait()


class Time:
    """Passes as soon as anybody waits for it; in each wait ``meanwhile`` is called."""

    def __init__(self):
        self.now_ns = 0
        self.meanwhile = lambda: None

    def clock(self):
        return self.now_ns

    async def sleep(self, wait_s):
        self.now_ns += int(wait_s * NS_PER_S)
        self.meanwhile()
        await asyncio.sleep(0)


class Server:
    """Goes by announcements, and counts how often it looks at what is stored."""

    def __init__(self):
        self.announcer = Announcer()
        self.signal = LocalChangeSignal(interval_s=3600)
        self.time = Time()
        self.looks = 0
        self.refusal = None

    async def look(self):
        self.looks += 1
        if self.refusal is not None:
            raise self.refusal

    async def start(self):
        following = Following(
            self.announcer,
            stored=self.look,
            signal=self.signal,
            follower=None,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )
        task = asyncio.create_task(following.run())
        await turns()
        return task

    async def flood(self, subjects):
        """Until a time has passed; whoever rests has it heard again meanwhile."""
        is_over = asyncio.Event()

        def announce_again():
            if self.time.now_ns < FLOOD_S * NS_PER_S:
                self.announcer.hear(subjects)
            else:
                is_over.set()

        self.time.meanwhile = announce_again
        self.announcer.hear(subjects)
        await is_over.wait()
        self.time.meanwhile = lambda: None
        await turns()


@pytest.fixture
async def server():
    made = Server()
    task = await made.start()
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)


class Woken:
    """Counts how often a watcher is woken."""

    def __init__(self, waker):
        self._waker = waker
        self.count = 0

    async def run(self):
        while True:
            self._waker.reset()
            await self._waker.wait()
            self.count += 1


@pytest.fixture
async def woken(server):
    with server.signal.watching(WATCHED) as waker:
        made = Woken(waker)
        task = asyncio.create_task(made.run())
        await turns()
        yield made
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("subjects", [frozenset({STORED}), None])
async def test_a_flood_has_it_look_so_often_and_no_more(server, subjects):
    await server.flood(subjects)
    assert LOOKS <= server.looks <= MOST


async def test_what_is_announced_once_is_looked_at_at_once(server):
    server.announcer.hear(frozenset({STORED}))
    await turns()
    assert server.looks == 1


async def test_a_database_that_is_busy_is_no_fault_to_be_told_of(server):
    server.refusal = query_timed_out()
    with structlog.testing.capture_logs() as told:
        for _ in range(2):
            server.announcer.hear(frozenset({STORED}))
            await turns()
    assert (server.looks, told) == (2, [])


async def test_the_last_of_a_flood_is_not_lost(server):
    await server.flood(frozenset({STORED}))
    await turns()
    before = server.looks
    server.announcer.hear(frozenset({STORED}))
    await turns()
    assert server.looks == before + 1


@pytest.mark.parametrize("subjects", [frozenset({WATCHED.name}), None])
async def test_a_flood_wakes_a_watcher_so_often_and_no_more(server, woken, subjects):
    await server.flood(subjects)
    await turns()
    assert LOOKS // 2 <= woken.count <= MOST


@pytest.fixture
def others(server):
    """Watchers of other collections."""
    keys = [CollectionKey("acme", f"c{number}") for number in range(999)]
    with ExitStack() as stack:
        for key in keys:
            stack.enter_context(server.signal.watching(key))
        yield keys


async def test_many_watchers_are_woken_more_seldom(server, woken, others):
    await server.flood(None)
    await turns()
    assert woken.count <= MOST / (len(others) // WATCHERS)


async def test_watchers_that_are_not_woken_count_for_nothing(server, woken, others):
    await server.flood(frozenset({WATCHED.name}))
    await turns()
    assert woken.count >= LOOKS + FLOOD_S // 2 / BUSY_S


@pytest.mark.parametrize(
    "subjects",
    [
        frozenset({QUIET}),
        frozenset({"", "stored ", "STORED", "policies", "x" * 8000}),
        frozenset(f"tenants/acme/collections/{number}" for number in range(1000)),
        frozenset(),
    ],
    ids=["a collection that nobody watches", "no subjects", "made-up collections", "nothing"],
)
async def test_what_concerns_nobody_has_nobody_look(server, woken, subjects):
    for _ in range(1000):
        server.announcer.hear(subjects)
    await turns()
    assert (server.looks, woken.count, server.time.now_ns) == (0, 0, 0)


async def test_who_begins_to_watch_is_woken_by_what_comes_then(server, woken):
    server.announcer.hear(frozenset({WATCHED.name}))
    await turns()
    assert woken.count == 1
