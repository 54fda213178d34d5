"""Workers that encrypt at the same time, are killed, and have their keys rotated meanwhile."""

import base64
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import grpc
import pytest

from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.attacks.restarts import kill_a_worker
from tests.attacks.world import VICTIM, World
from tests.e2e.server import blrcs
from tests.e2e.workers import OPTIONS, TIMEOUT_S, channels_to_all, until

TENANT = f"tenants/{VICTIM}"
PARENT = f"{TENANT}/collections/numbers"
FIELDS = ("iban", "name")
WRITERS = 4
ENOUGH = 40
KEY, NONCE = slice(9), slice(9, 37)
"""Of what is sealed: its version and key, the salt of its process and the nonce."""


@pytest.fixture
def numbers(workers: World) -> Iterator[World]:
    stub = record_pb2_grpc.RecordServiceStub(workers.channel)
    request = record_pb2.CreateCollectionRequest(
        parent=TENANT, collection_id="numbers", collection={"encrypted_fields": FIELDS}
    )
    stub.CreateCollection(request, metadata=workers.admin)
    yield workers
    stub.DeleteCollection(
        record_pb2.DeleteCollectionRequest(name=PARENT, force=True), metadata=workers.admin
    )


class Writer(threading.Thread):
    """Creates records until it is told to stop, whoever answers; which were acknowledged."""

    def __init__(self, world: World, channel: grpc.Channel, number: int) -> None:
        super().__init__()
        self._stub = record_pb2_grpc.RecordServiceStub(channel)
        self._metadata = world.admin
        self._number = number
        self._over = threading.Event()
        self.written: list[str] = []
        self.refused: set[grpc.StatusCode] = set()

    def run(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            record_id = f"r{self._number}-{number}"
            request = record_pb2.CreateRecordRequest(parent=PARENT, record_id=record_id)
            request.record.data.update(dict.fromkeys(FIELDS, record_id))
            try:
                self._stub.CreateRecord(request, metadata=self._metadata, timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                self.refused.add(error.code())
            else:
                self.written.append(record_id)

    def stop(self) -> None:
        self._over.set()
        self.join()


def sealed(world: World) -> list[bytes]:
    """All values of the collection as they lie in the database."""
    with closing(sqlite3.connect(world.data / "blrcs.db")) as database:
        rows = database.execute(
            "SELECT sealed FROM records WHERE tenant = ? AND collection = 'numbers'", (VICTIM,)
        ).fetchall()
    return [base64.b64decode(each) for (row,) in rows for each in json.loads(row).values()]


def rotate(world: World) -> None:
    done = blrcs("encryption", "rotate-data", TENANT, cwd=world.server.directory)
    assert done.returncode == 0, done.stderr


def test_no_nonce_comes_twice_and_keys_rotate_under_load(numbers: World) -> None:
    with ExitStack() as stack:
        channels = list(stack.enter_context(channels_to_all(numbers.server, 2)).values())
        channels += [
            stack.enter_context(grpc.insecure_channel(numbers.server.address, OPTIONS))
            for _ in range(WRITERS - len(channels))
        ]
        writers = [Writer(numbers, each, number) for number, each in enumerate(channels)]

        def write(more: int) -> None:
            wanted = sum(len(each.written) for each in writers) + more
            until(lambda: sum(len(each.written) for each in writers) >= wanted)

        for writer in writers:
            writer.start()
            stack.callback(writer.stop)
        write(ENOUGH)
        rotate(numbers)
        write(ENOUGH)
        kill_a_worker(numbers)
        write(ENOUGH)
        rotate(numbers)
        write(ENOUGH)
    # Nobody noticed the keys, and the killed worker those alone who called it.
    assert set.union(*(each.refused for each in writers)) <= {grpc.StatusCode.UNAVAILABLE}
    written = {each for writer in writers for each in writer.written}
    values = sealed(numbers)
    assert len(values) >= len(FIELDS) * len(written) >= len(FIELDS) * 4 * ENOUGH
    assert len({each[NONCE] for each in values}) == len(values)
    assert len({each[KEY] for each in values}) == 3
    stub = record_pb2_grpc.RecordServiceStub(numbers.channel)
    for record_id in written:
        request = record_pb2.GetRecordRequest(name=f"{PARENT}/records/{record_id}")
        found = stub.GetRecord(request, metadata=numbers.admin, timeout=TIMEOUT_S)
        assert dict(found.data) == dict.fromkeys(FIELDS, record_id)
