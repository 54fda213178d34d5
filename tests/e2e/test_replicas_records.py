"""Records read from a replica that is behind: by who shows a token, and by who does not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from blrcs.domain.consistency import PRIMARY, TOKEN_KEY
from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import FIRST_PASSWORD, TIMEOUT_S, Metadata, administrator, code, until
from tests.servers.postgresql import (
    STREAMING,
    PostgresqlReplica,
    PostgresqlServer,
    postgresql,
    postgresql_replica,
)

PARENT = "tenants/acme/collections/orders"


@pytest.fixture
def primary() -> Iterator[PostgresqlServer]:
    with postgresql(STREAMING) as server:
        yield server


@pytest.fixture
def replica(primary: PostgresqlServer) -> Iterator[PostgresqlReplica]:
    with postgresql_replica(primary) as replica:
        yield replica


@pytest.fixture
def server(
    start: Start, tmp_path: Path, primary: PostgresqlServer, replica: PostgresqlReplica
) -> Server:
    urls = tmp_path / "replicas"
    urls.write_text(f"{replica.url()}\n")
    return start(
        BLRCS_DATABASE__URL=primary.url(),
        BLRCS_DATABASE__REPLICAS_FILE=str(urls),
        # The replica is held for as long as it takes, and is read from all the same.
        BLRCS_DATABASE__REPLICA_MAX_LAG="1h",
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_AUTH__ACCESS_TOKEN_TTL="1d",
        BLRCS_POLICIES=json.dumps(
            {f"/blrcs.v1.{name}Service/*": {"limits": []} for name in ("Auth", "User", "Record")}
        ),
    )


class Client:
    """Calls with the tokens that it is told to show."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata) -> None:
        self.stub = record_pb2_grpc.RecordServiceStub(channel)
        self.metadata = metadata

    def create(self, record_id: str) -> str:
        """The token of the creation."""
        request = record_pb2.CreateRecordRequest(
            parent=PARENT, record_id=record_id, record={"data": {"id": record_id}}
        )
        _, call = self.stub.CreateRecord.with_call(request, metadata=self.metadata)
        return str(dict(call.trailing_metadata())[TOKEN_KEY])

    def seen(self, record_id: str, *tokens: str) -> tuple[bool, bool, int, int]:
        """Whether GetRecord and BatchGetRecords find it, and how many are listed and counted."""
        shown = [*self.metadata, *((TOKEN_KEY, token) for token in tokens)]
        name = f"{PARENT}/records/{record_id}"
        listed = self.stub.ListRecords(record_pb2.ListRecordsRequest(parent=PARENT), metadata=shown)
        counted = self.stub.CountRecords(
            record_pb2.CountRecordsRequest(parent=PARENT), metadata=shown
        )
        get = record_pb2.GetRecordRequest(name=name)
        batch = record_pb2.BatchGetRecordsRequest(parent=PARENT, names=[name])
        return (
            is_found(lambda: self.stub.GetRecord(get, metadata=shown)),
            is_found(lambda: self.stub.BatchGetRecords(batch, metadata=shown)),
            len(listed.records),
            counted.count,
        )


def is_found(call: Callable[[], object]) -> bool:
    found = code(call)
    assert found in {grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND}
    return found is grpc.StatusCode.OK


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with grpc.insecure_channel(server.address) as channel:
        metadata = administrator([channel, channel])
        client = Client(channel, metadata)
        client.stub.CreateCollection(
            record_pb2.CreateCollectionRequest(
                parent="tenants/acme", collection_id="orders", collection={}
            ),
            metadata=metadata,
        )
        yield client


def test_who_shows_a_token_sees_what_it_stands_for(
    client: Client, replica: PostgresqlReplica
) -> None:
    nothing, one = (False, False, 0, 0), (True, True, 1, 1)
    replica.hold()
    token = client.create("a")
    until(lambda: client.seen("a") == nothing)
    assert client.seen("a", token) == one
    assert client.seen("a", PRIMARY) == one
    assert client.seen("a") == nothing
    replica.go_on()
    until(lambda: client.seen("a") == one)
    assert client.seen("a", token) == one


def test_who_watches_lists_what_was_there_before(
    client: Client, replica: PostgresqlReplica
) -> None:
    replica.hold()
    client.create("a")
    watch = client.stub.WatchRecords(
        record_pb2.WatchRecordsRequest(parent=PARENT), metadata=client.metadata, timeout=TIMEOUT_S
    )
    assert next(watch).type == record_pb2.RECORD_EVENT_TYPE_STARTED
    assert client.seen("a", PRIMARY)[2] == 1
    client.create("b")
    assert next(watch).record.name.endswith("/b")
    watch.cancel()


def test_an_import_and_an_export_go_by_the_primary(
    client: Client, server: Server, replica: PostgresqlReplica, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(client.metadata[0][1].removeprefix("Bearer "))
    lines = b'{"id":"a","data":{"id":"a"}}\n{"id":"b","data":{"id":"b"}}\n'
    (tmp_path / "in.jsonl").write_bytes(lines)
    options = ("--server", server.address, "--token-file", "token")
    replica.hold()
    client.create("a")
    done = blrcs(
        *("records", "import", PARENT, "in.jsonl", "--on-conflict", "skip", *options), cwd=tmp_path
    )
    assert done.stdout == "1 records written, 1 skipped, 0 lines rejected.\n", done.stderr
    done = blrcs("records", "export", PARENT, "out.jsonl", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == lines
