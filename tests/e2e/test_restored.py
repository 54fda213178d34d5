"""Watching a collection whose database was restored as it once was."""

from pathlib import Path

import grpc

from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import blrcs
from tests.e2e.workers import FIRST_PASSWORD, TIMEOUT_S, Metadata, administrator

COLLECTION = "tenants/acme/collections/orders"


class Client:
    """An administrator, who writes and watches."""

    def __init__(self, address: str, metadata: Metadata | None = None) -> None:
        self.channel = grpc.insecure_channel(address)
        self.metadata = metadata or administrator([self.channel, self.channel])
        self.stub = record_pb2_grpc.RecordServiceStub(self.channel)

    def begin(self) -> None:
        request = record_pb2.CreateCollectionRequest(
            parent="tenants/acme", collection_id="orders", collection={}
        )
        self.stub.CreateCollection(request, metadata=self.metadata)

    def write(self, *ids: str) -> None:
        for each in ids:
            request = record_pb2.CreateRecordRequest(
                parent=COLLECTION, record_id=each, record={"data": {}}
            )
            self.stub.CreateRecord(request, metadata=self.metadata)

    def watched(self, count: int, token: str = "") -> list[record_pb2.WatchRecordsResponse]:
        """The first events of a watch, STARTED among them."""
        request = record_pb2.WatchRecordsRequest(parent=COLLECTION, resume_token=token)
        watch = self.stub.WatchRecords(request, metadata=self.metadata, timeout=TIMEOUT_S)
        events = [next(watch) for _ in range(count)]
        watch.cancel()
        return events

    def refused(self, token: str) -> str:
        """What is said where a watch does not go on by a token; nothing if it does."""
        try:
            self.watched(1, token)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"
        return ""


def test_no_watch_goes_on_behind_changes_that_were_lost(start: Start, tmp_path: Path) -> None:
    options = {
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
        "BLRCS_AUTH__ACCESS_TOKEN_TTL": "1d",
    }
    server = start(**options)
    client = Client(server.address)
    client.begin()
    client.write("a", "b")
    (kept,) = client.watched(1)
    assert blrcs("db", "backup", "file", cwd=tmp_path).returncode == 0
    client.write("c", "d")
    _, change, _ = client.watched(3, kept.resume_token)
    (lost,) = client.watched(1)
    assert server.stop() == 0
    assert blrcs("db", "restore", "file", "--force", cwd=tmp_path).returncode == 0

    again = Client(start(**options).address, client.metadata)
    again.write("e", "f", "g")
    for event in (change, lost):
        assert again.refused(event.resume_token).startswith("OUT_OF_RANGE: the changes after")
    events = again.watched(4, kept.resume_token)
    assert [each.name.rpartition("/")[2] for each in events[1:]] == ["e", "f", "g"]
    assert again.refused(events[-1].resume_token) == ""
