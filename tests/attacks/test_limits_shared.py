"""Many clients and several workers, whoever of them is killed: a limit stays one number."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from tests.attacks.limits import Limits
from tests.attacks.restarts import kill_a_worker
from tests.attacks.world import World, world
from tests.e2e.workers import OPTIONS, channels_to_all, until
from tests.servers.redis import RedisServer, redis
from tests.transports import TRANSPORTS

CLIENTS = 8
LIMIT = 300
ENDLESS = 1_000_000_000
NAMES = ("tight", "left", "right")
WAYS = ("open", "closed", "local")
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Client:
    """Takes again and again over a connection of its own, and counts how it ended."""

    def __init__(self, limits: Limits, cells: list[tuple[str, str]]) -> None:
        self._limits = limits
        self._cells = cells
        self._over = threading.Event()
        self.admitted = 0
        self.unknown = 0

    def take(self) -> bool:
        """Whether there may be more."""
        try:
            allowed = self._limits.consume(*self._cells).allowed
        except grpc.RpcError as error:
            assert error.code() is UNAVAILABLE  # noqa: PT017 - else it goes on
            self.unknown += 1
            return True
        self.admitted += allowed
        return allowed

    def take_all(self) -> None:
        while not self._over.is_set() and self.take():
            pass

    def stop(self) -> None:
        self._over.set()


def clients_of(
    world: World, stack: ExitStack, domain: str, cells: Callable[[int], list[tuple[str, str]]]
) -> list[Client]:
    """Some connections to each of the two workers."""
    channels = list(stack.enter_context(channels_to_all(world.server, 2)).values())
    channels += [
        stack.enter_context(grpc.insecure_channel(world.server.address, OPTIONS))
        for _ in range(CLIENTS - len(channels))
    ]
    return [
        Client(Limits(world, domain, channel), cells(number))
        for number, channel in enumerate(channels)
    ]


def test_clients_of_all_workers_get_exactly_what_a_limit_says(workers: World) -> None:
    Limits(workers, "exactly").rule("all", LIMIT)
    with ExitStack() as stack:
        clients = clients_of(workers, stack, "exactly", lambda _: [("all", "x")])
        assert clients[0].take()
        assert clients[1].take()
        threads = [threading.Thread(target=each.take_all) for each in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert admitted(clients) == LIMIT
        assert not any(each.take() for each in clients)


def test_a_worker_that_is_killed_while_it_counts_leaves_the_table_right(workers: World) -> None:
    """What is stacked stays whole, and only a call that was not answered may have been counted."""
    limits = Limits(workers, "killed")
    for name in NAMES:
        limits.rule(name, ENDLESS)
    with ExitStack() as stack:
        clients = clients_of(
            workers, stack, "killed", lambda n: [("tight", "x"), (NAMES[1 + n % 2], "x")]
        )

        def admit(more: int) -> None:
            until_there = admitted(clients) + more
            until(lambda: admitted(clients) >= until_there)

        threads = [threading.Thread(target=each.take_all) for each in clients]
        for thread in threads:
            thread.start()
        admit(LIMIT)
        kill_a_worker(workers)
        admit(LIMIT)
        for client in clients:
            client.stop()
        for thread in threads:
            thread.join()
    unknown = sum(each.unknown for each in clients)
    with channels_to_all(workers.server, 2) as channels:
        for channel in channels.values():
            left_over = Limits(workers, "killed", channel).remaining(
                *((name, "x") for name in NAMES)
            )
            tight, left, right = (ENDLESS - each for each in left_over)
            assert left + right == tight
            assert admitted(clients) <= tight <= admitted(clients) + unknown


def admitted(clients: list[Client]) -> int:
    return sum(each.admitted for each in clients)


@pytest.fixture
def counting() -> Iterator[RedisServer]:
    with redis() as server:
        yield server


def outcome(limits: Limits, way: str) -> bool | grpc.StatusCode:
    """Whether it is admitted, or how the call fails."""
    try:
        return limits.consume((way, "x")).allowed
    except grpc.RpcError as error:
        return error.code()


class Busy(threading.Thread):
    """Takes from one rule until it is told to stop; what it was told, each once in a row."""

    def __init__(self, limits: Limits, way: str) -> None:
        super().__init__()
        self._limits = limits
        self._way = way
        self._over = threading.Event()
        self.outcomes: list[bool | grpc.StatusCode] = []

    def run(self) -> None:
        while not self._over.is_set():
            found = outcome(self._limits, self._way)
            if [found] != self.outcomes[-1:]:
                self.outcomes.append(found)

    def stop(self) -> None:
        self._over.set()
        self.join()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_while_redis_is_lost_each_rule_does_what_it_says(
    tmp_path: Path, transport: str, counting: RedisServer
) -> None:
    environ = {"BLRCS_REDIS__URL": counting.url(), "BLRCS_LIMITS__BACKEND": "redis"}
    with world(tmp_path, transport, **environ) as started, ExitStack() as stack:
        limits, endless = Limits(started, "lost"), Limits(started, "endless")
        for way in WAYS:
            limits.rule(way, LIMIT, on_loss=f"LIMIT_LOSS_{way.upper()}")
            endless.rule(way, ENDLESS, on_loss=f"LIMIT_LOSS_{way.upper()}")
            assert limits.consume((way, "x"), cost=LIMIT).allowed
            assert outcome(limits, way) is False
        busy = {way: Busy(endless, way) for way in WAYS}
        for thread in busy.values():
            thread.start()
            stack.callback(thread.stop)
            until(lambda thread=thread: thread.outcomes == [True])
        counting.stop()
        until(lambda: busy["closed"].outcomes[-1] is UNAVAILABLE)
        assert [outcome(limits, "open") for _ in range(LIMIT + 1)] == [True] * (LIMIT + 1)
        assert {outcome(limits, "closed") for _ in range(LIMIT)} == {UNAVAILABLE}
        assert [outcome(limits, "local") for _ in range(LIMIT + 1)] == [True] * LIMIT + [False]
        counting.start()
        until(lambda: busy["closed"].outcomes[-1] is True)
    # Nobody noticed but those whose rule says so, and they from one moment to another.
    assert busy["open"].outcomes == busy["local"].outcomes == [True]
    assert busy["closed"].outcomes == [True, UNAVAILABLE, True]
