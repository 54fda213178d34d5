"""Records that one worker writes and others read and watch."""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import grpc
import pytest

from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.e2e.server import Server
from tests.e2e.workers import (
    FIRST_PASSWORD,
    OPTIONS,
    TIMEOUT_S,
    Metadata,
    administrator,
    channels_to_all,
    until,
)

PARENT = "tenants/acme/collections/orders"
RECORDS = 10_000
BUILDING, READY = record_pb2.RecordIndex.STATE_BUILDING, record_pb2.RecordIndex.STATE_READY
STARTED = record_pb2.RECORD_EVENT_TYPE_STARTED


class Client:
    """Calls the record service of one worker."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata) -> None:
        self._stub = record_pb2_grpc.RecordServiceStub(channel)
        self._metadata = metadata

    def collection(self, **fields: object) -> record_pb2.Collection:
        request = record_pb2.CreateCollectionRequest(
            parent="tenants/acme",
            collection_id="orders",
            collection=record_pb2.Collection(**fields),
        )
        return self._stub.CreateCollection(request, metadata=self._metadata)

    def get_collection(self) -> record_pb2.Collection:
        request = record_pb2.GetCollectionRequest(name=PARENT)
        return self._stub.GetCollection(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def reindex(self, *paths: str) -> record_pb2.Collection:
        request = record_pb2.UpdateCollectionRequest(update_mask={"paths": ["indexes"]})
        request.collection.name = PARENT
        request.collection.indexes.extend(record_pb2.RecordIndex(path=path) for path in paths)
        return self._stub.UpdateCollection(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def create_many(self, made: Iterable[tuple[str, int]]) -> None:
        request = record_pb2.BatchWriteRecordsRequest(parent=PARENT)
        for record_id, number in made:
            created = request.writes.add().create
            created.parent, created.record_id = PARENT, record_id
            created.record.data["n"] = number
        self._stub.BatchWriteRecords(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def create(self, record_id: str, **data: object) -> record_pb2.Record:
        request = record_pb2.CreateRecordRequest(parent=PARENT, record_id=record_id)
        request.record.data.update(data)
        return self._stub.CreateRecord(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def get(self, record_id: str) -> record_pb2.Record:
        request = record_pb2.GetRecordRequest(name=f"{PARENT}/records/{record_id}")
        return self._stub.GetRecord(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def ids(self, **fields: object) -> list[str]:
        request = record_pb2.ListRecordsRequest(parent=PARENT, **fields)
        page = self._stub.ListRecords(request, metadata=self._metadata, timeout=TIMEOUT_S)
        return [each.name.rpartition("/")[2] for each in page.records]

    def watch(self, resume_token: str = "") -> grpc.Call:
        request = record_pb2.WatchRecordsRequest(parent=PARENT, resume_token=resume_token)
        return self._stub.WatchRecords(request, metadata=self._metadata, timeout=TIMEOUT_S)


@pytest.fixture
def clients(channels: list[grpc.Channel], admin: Metadata) -> list[Client]:
    """One for each worker."""
    return [Client(channel, admin) for channel in channels]


def test_what_one_worker_writes_the_other_reads_lists_and_tells_of(clients: list[Client]) -> None:
    one, other = clients
    one.collection(
        json_schema='{"required": ["city"]}', encrypted_fields=["iban"], secret_fields=["pin"]
    )
    watch = other.watch()
    assert next(watch).type == STARTED
    made = one.create("a", city="Bonn", total=3, iban="DE00", pin="1234")
    assert other.get("a") == made
    assert dict(made.data) == {"city": "Bonn", "total": 3, "iban": "DE00"}
    other.create("b", city="Essen", total=5)
    assert one.ids(filter="data.total > 3") == ["b"]
    assert one.ids(order_by="data.total desc") == ["b", "a"]
    with pytest.raises(grpc.RpcError) as caught:
        other.create("c", total=1)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    events = [next(watch), next(watch)]
    assert [each.sequence for each in events] == [1, 2]
    assert events[0].record == made
    again = one.watch(events[0].resume_token)
    next(again)
    assert next(again) == events[1]


def test_both_workers_write_at_once_and_both_tell_the_same(clients: list[Client]) -> None:
    count = 100
    clients[0].collection()
    watches = [client.watch() for client in clients]
    for watch in watches:
        next(watch)

    def write(number: int) -> None:
        for step in range(count):
            clients[number].create(f"w{number}-{step}", n=step)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    seen = [[next(watch) for _ in range(2 * count)] for watch in watches]
    for writer in writers:
        writer.join()
    assert seen[0] == seen[1]
    assert [each.sequence for each in seen[0]] == list(range(1, 2 * count + 1))


def test_an_index_is_built_though_the_worker_that_builds_it_is_killed(workers: Server) -> None:
    with channels_to_all(workers, 2) as found:
        metadata = administrator(list(found.values()))
        # The first one that has started leads.
        leader, follower = sorted(found)
        client = Client(found[follower], metadata)
        client.collection()
        for first in range(0, RECORDS, 1000):
            client.create_many((f"r{each:05}", each) for each in range(first, first + 1000))
        assert client.reindex("n").indexes[0].state == BUILDING
        os.kill(leader, signal.SIGKILL)
        client.create("s", n=7)
        assert client.ids(filter="data.n = 7") == ["r00007", "s"]
        until(lambda: client.get_collection().indexes[0].state == READY)
        assert client.ids(filter="data.n = 7") == ["r00007", "s"]
        assert client.ids(filter=f"data.n >= {RECORDS - 1}") == [f"r{RECORDS - 1:05}"]


def test_a_server_that_stops_lets_its_watchers_go(workers: Server, clients: list[Client]) -> None:
    clients[0].collection()
    watch = clients[0].watch()
    next(watch)
    os.kill(workers.process_id, signal.SIGTERM)
    with pytest.raises(grpc.RpcError) as caught:
        next(watch)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert workers.wait() == 0


def test_watchers_leave_calls_to_others(start: Callable[..., Server]) -> None:
    server = start(
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD, BLRCS_SERVER__MAX_CONCURRENT_CALLS="8"
    )
    with ExitStack() as stack:
        # A connection has a quarter of the calls.
        channels = [
            stack.enter_context(grpc.insecure_channel(server.address, OPTIONS)) for _ in range(3)
        ]
        metadata = administrator(channels)
        clients = [Client(channel, metadata) for channel in channels]
        clients[0].collection()
        watches = [client.watch() for client in clients[:2] for _ in range(2)]
        assert [next(watch).type for watch in watches] == [STARTED] * 4
        with pytest.raises(grpc.RpcError) as caught:
            next(clients[2].watch())
        assert "watches already" in (caught.value.details() or "")
        clients[2].create("a", n=1)
        assert [next(watch).sequence for watch in watches] == [1] * 4
