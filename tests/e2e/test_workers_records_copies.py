"""The copies that workers have of records never show what was before an acknowledged write."""

import itertools
import threading

import grpc
import pytest

from blrcs.v1 import record_pb2
from tests.e2e.test_workers_records import PARENT, Client
from tests.e2e.workers import TIMEOUT_S, Metadata

ROUNDS = 50
READERS = 4
COPIES = {"BLRCS_RECORDS__COPIES": "16MiB", "BLRCS_DATABASE__REFRESH_INTERVAL": "1m"}
"""Only what workers tell each other is of help: nobody looks into the database in time."""


class Writer(Client):
    """Writes too."""

    def update(self, record_id: str, **data: object) -> record_pb2.Record:
        request = record_pb2.UpdateRecordRequest()
        request.record.name = f"{PARENT}/records/{record_id}"
        request.record.data.update(data)
        return self._stub.UpdateRecord(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def delete(self, record_id: str) -> None:
        request = record_pb2.DeleteRecordRequest(name=f"{PARENT}/records/{record_id}")
        self._stub.DeleteRecord(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def batch(self, record_id: str, **data: object) -> None:
        request = record_pb2.BatchWriteRecordsRequest(parent=PARENT)
        record = request.writes.add().update.record
        record.name = f"{PARENT}/records/{record_id}"
        record.data.update(data)
        self._stub.BatchWriteRecords(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def delete_collection(self) -> None:
        request = record_pb2.DeleteCollectionRequest(name=PARENT, force=True)
        self._stub.DeleteCollection(request, metadata=self._metadata, timeout=TIMEOUT_S)


@pytest.fixture
def worker_settings() -> dict[str, str]:
    return COPIES


@pytest.fixture
def clients(channels: list[grpc.Channel], admin: Metadata) -> list[Writer]:
    """One for each worker."""
    return [Writer(channel, admin) for channel in channels]


def warm(clients: list[Writer], record_id: str = "a") -> None:
    """Has every worker make a copy, and use it."""
    for client in clients * 2:
        client.get(record_id)


def value(client: Writer, record_id: str = "a") -> float | grpc.StatusCode:
    try:
        return client.get(record_id).data["v"]
    except grpc.RpcError as error:
        return error.code()


def test_every_write_is_seen_by_all_at_once(clients: list[Writer]) -> None:
    gone = grpc.StatusCode.NOT_FOUND
    clients[0].collection()
    for number in range(ROUNDS):
        one, other = clients[number % 2], clients[(number + 1) % 2]
        one.create("a", v=1)
        for change, expected in (
            (lambda client: client.update("a", v=2), 2),
            (lambda client: client.batch("a", v=3), 3),
            (lambda client: client.delete("a"), gone),
        ):
            warm([other])
            change(one)
            assert [value(client) for client in (other, one)] == [expected] * 2
    for client in clients:
        client.create(f"last-{id(client)}", v=1)
    clients[0].create("a", v=1)
    warm(clients)
    clients[0].delete_collection()
    assert [value(client) for client in clients] == [gone] * 2
    clients[0].collection()
    assert [value(client) for client in clients] == [gone] * 2


def test_readers_see_no_less_than_was_acknowledged(clients: list[Writer]) -> None:
    clients[0].collection()
    clients[0].create("a", v=0)
    acknowledged, over = 0, threading.Event()
    failures: list[str] = []

    def read(client: Writer) -> None:
        while not over.is_set():
            least = acknowledged
            found = client.get("a").data["v"]
            if found < least:
                failures.append(f"{found} after {least} was acknowledged")
                return

    readers = [
        threading.Thread(target=read, args=(client,))
        for client in itertools.islice(itertools.cycle(clients), READERS)
    ]
    for reader in readers:
        reader.start()
    for number in range(1, 4 * ROUNDS):
        clients[number % 2].update("a", v=number)
        acknowledged = number
    over.set()
    for reader in readers:
        reader.join()
    assert not failures
