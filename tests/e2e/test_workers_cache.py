"""The copies that workers have of cache entries never show what has been changed."""

import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial

import grpc
import pytest

from blrcs.v1 import cache_pb2, cache_pb2_grpc
from tests.e2e.server import Server
from tests.e2e.workers import (
    TIMEOUT_S,
    Metadata,
    administrator,
    channels_to_all,
    children,
    code,
    kill,
    start_two_workers,
)

OK, NOT_FOUND = grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND
ROUNDS = 50


class Client:
    """Calls the cache of one worker."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata, namespace: str) -> None:
        self._stub = cache_pb2_grpc.CacheServiceStub(channel)
        self._metadata = metadata
        self._namespace = namespace

    def get(self, key: str = "k") -> cache_pb2.CacheEntry:
        request = cache_pb2.GetRequest(namespace=self._namespace, key=key)
        return self._stub.Get(request, metadata=self._metadata).entry

    def value(self, key: str = "k") -> bytes | grpc.StatusCode:
        try:
            return self.get(key).value
        except grpc.RpcError as error:
            return error.code()

    def set(self, value: object, key: str = "k", **fields: object) -> int:
        request = cache_pb2.SetRequest(
            namespace=self._namespace, key=key, value=str(value).encode(), **fields
        )
        return self._stub.Set(request, metadata=self._metadata).version

    def delete(self, key: str = "k") -> None:
        request = cache_pb2.DeleteRequest(namespace=self._namespace, key=key)
        self._stub.Delete(request, metadata=self._metadata)

    def increment(self, key: str = "k") -> int:
        request = cache_pb2.IncrementRequest(namespace=self._namespace, key=key)
        return self._stub.Increment(request, metadata=self._metadata).value

    def touch(self, key: str = "k", **ttl: int) -> None:
        request = cache_pb2.TouchRequest(namespace=self._namespace, key=key, ttl=ttl)
        self._stub.Touch(request, metadata=self._metadata)

    def flush(self) -> None:
        self._stub.Flush(cache_pb2.FlushRequest(namespace=self._namespace), metadata=self._metadata)

    def stats(self) -> cache_pb2.StatsResponse:
        return self._stub.Stats(
            cache_pb2.StatsRequest(namespace=self._namespace), metadata=self._metadata
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests, whose workers and keeper may be others in the end."""
    directory = tmp_path_factory.mktemp("two_workers")
    server = start_two_workers(
        lambda *arguments, **environ: Server(directory, arguments, environ), directory
    )
    yield server
    server.kill()


@pytest.fixture(scope="module")
def admin(server: Server) -> Metadata:
    with channels_to_all(server, 2) as channels:
        return administrator(list(channels.values()))


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """Each test has its own."""
    return request.node.name.removeprefix("test_")[:64]


@pytest.fixture
def clients(server: Server, admin: Metadata, namespace: str) -> Iterator[list[Client]]:
    """One to each of the two workers."""
    with channels_to_all(server, 2) as channels:
        yield [Client(channel, admin, namespace) for channel in channels.values()]


def keeper_of(server: Server) -> int:
    """The child that serves no calls."""
    with channels_to_all(server, 2) as workers:
        (keeper,) = set(children(server.process_id)) - set(workers)
    return keeper


def warm(clients: list[Client], key: str = "k") -> None:
    """Has every worker make a copy, and use it."""
    for client in clients * 2:
        client.get(key)


def test_every_change_is_seen_by_all_at_once(clients: list[Client]) -> None:
    changes: list[tuple[Callable[[Client], object], bytes | grpc.StatusCode]] = [
        (lambda client: client.set("x"), b"x"),
        (lambda client: client.increment(), b"2"),
        (lambda client: client.delete(), NOT_FOUND),
        (lambda client: client.flush(), NOT_FOUND),
        # It is over before the keeper can tell of it.
        (lambda client: code(partial(client.touch, nanos=1)), NOT_FOUND),
        (lambda client: client.set("y", ttl={"nanos": 1}), NOT_FOUND),
    ]
    for number, (change, expected) in itertools.product(range(ROUNDS), changes):
        changing = clients[number % 2]
        changing.set(1, ttl={"seconds": 60})
        warm(clients)
        change(changing)
        assert [client.value() for client in clients] == [expected, expected]
    before = clients[0].set(1, ttl={"seconds": 60})
    warm(clients)
    clients[0].touch(seconds=120)
    first, second = (client.get() for client in clients)
    assert first.version == second.version == before
    assert abs(first.expire_time.ToNanoseconds() - second.expire_time.ToNanoseconds()) < 10**9


def test_an_entry_ends_for_all_at_the_same_instant(clients: list[Client]) -> None:
    for turn in range(10):
        one, other = clients[turn % 2], clients[1 - turn % 2]
        one.set(1, ttl={"nanos": 20_000_000})
        while one.value() != NOT_FOUND:
            other.value()
        assert other.value() == NOT_FOUND


def test_what_is_evicted_is_gone_for_all(clients: list[Client]) -> None:
    value = "x" * (1 << 20)
    clients[0].set(value, "first")
    clients[0].get("first")
    for number in range(64):  # MiB, which is all that the namespace holds
        clients[1].set(value, str(number))
    assert [client.value("first") for client in clients] == [NOT_FOUND, NOT_FOUND]


class Changing:
    """One key with one writer, whom readers of all workers follow.

    What is read is never older than what was acknowledged before it was asked for; versions only
    grow, also where a keeper follows another.
    """

    def __init__(self, key: str, clients: list[Client], wrote: threading.Condition) -> None:
        self._key = key
        self._clients = clients
        self._over = threading.Event()
        self.wrote = wrote
        self._acknowledged = 0
        self.writes = 0
        self.failures: list[str] = []
        self.codes: set[grpc.StatusCode] = set()

    def threads(self) -> list[threading.Thread]:
        readers = [(self._read, client) for client in self._clients]
        return [
            threading.Thread(target=self._run, args=each) for each in [(self._write,), *readers]
        ]

    def end(self) -> None:
        self._over.set()

    def _run(self, step: Callable[..., None], *arguments: object) -> None:
        while not self._over.is_set():
            try:
                step(*arguments)
            except grpc.RpcError as error:
                self.codes.add(error.code())

    def _write(self) -> None:
        writer = self._clients[self.writes % len(self._clients)]
        self._acknowledged = version = writer.set(self.writes, self._key)
        with self.wrote:
            self.writes += 1
            self.wrote.notify()
        for client in self._clients:
            found = client.get(self._key).version
            if found != version:
                self.failures.append(f"{found} after {version}")

    def _read(self, client: Client) -> None:
        acknowledged = self._acknowledged
        found = client.get(self._key).version
        if found < acknowledged:
            self.failures.append(f"{found} after {acknowledged} was acknowledged")


def follow(clients: list[Client], keys: int, until: Callable[[list[Changing]], None]) -> None:
    """Writes and reads until the call returns; what a reader finds wrong fails the test."""
    wrote = threading.Condition()
    changing = [Changing(str(number), clients, wrote) for number in range(keys)]
    threads = [thread for each in changing for thread in each.threads()]
    for thread in threads:
        thread.start()
    try:
        until(changing)
    finally:
        for each in changing:
            each.end()
        for thread in threads:
            thread.join()
    assert [each.failures for each in changing] == [[]] * keys
    unexpected = set().union(*(each.codes for each in changing))
    assert unexpected <= {NOT_FOUND, grpc.StatusCode.UNAVAILABLE}


def written(changing: list[Changing], count: int) -> None:
    """Waits until every writer has written so often more."""
    wanted = {each: each.writes + count for each in changing}
    with changing[0].wrote:
        assert changing[0].wrote.wait_for(
            lambda: all(each.writes >= enough for each, enough in wanted.items()), TIMEOUT_S
        )


def test_with_many_writers_no_reader_sees_what_is_old(clients: list[Client]) -> None:
    follow(clients, 3, lambda changing: written(changing, 4 * ROUNDS))


def test_a_keeper_that_is_killed_takes_all_copies_along(
    server: Server, clients: list[Client]
) -> None:
    def kill_twice(changing: list[Changing]) -> None:
        for times in (1, 2):
            written(changing, 20)
            kill(keeper_of(server))
            server.wait_for("(?s)" + ".*".join(["keeper started"] * times), source="stderr")
            assert [client.value() for client in clients] == [NOT_FOUND, NOT_FOUND]
        written(changing, 20)

    clients[0].set("x")
    warm(clients)
    follow(clients, 2, kill_twice)


def test_hits_are_those_of_all_workers_and_stay(
    server: Server, clients: list[Client], admin: Metadata, namespace: str
) -> None:
    clients[0].set("x")
    for client in clients:
        for _ in range(10):
            client.get()
    assert [client.stats().hits for client in clients] == [20, 20]
    with channels_to_all(server, 2) as workers:
        (killed, _), (_, left) = workers.items()
        kill(killed)
        server.wait_for("worker started", source="stderr")
        assert Client(left, admin, namespace).stats().hits == 20
        with channels_to_all(server, 2) as successors:
            for channel in successors.values():
                client = Client(channel, admin, namespace)
                client.get()
                client.get()
            assert client.stats().hits == 24


def test_what_is_read_often_needs_no_keeper(server: Server, clients: list[Client]) -> None:
    clients[0].set("x")
    warm(clients)
    keeper = keeper_of(server)
    os.kill(keeper, signal.SIGSTOP)
    try:
        values = [client.value() for client in clients * ROUNDS]
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert set(values) == {b"x"}
    assert code(lambda: clients[0].set("y")) is OK
    assert [client.value() for client in clients] == [b"y", b"y"]
