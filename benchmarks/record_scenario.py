"""The records that RecordService's benchmarks read and write, and the servers that have them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from blrcs_server import Metadata, serving
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from load import Load
from server_process import ServerProcess

from blrcs.v1 import auth_pb2_grpc, record_pb2, record_pb2_grpc

TENANT = "bench"
COLLECTION = "people"
PARENT = f"tenants/{TENANT}/collections/{COLLECTION}"
RECORDS = 10_000
READS = tuple(f"r{number}" for number in range(0, RECORDS, RECORDS // 1_024))[:1_024]
"""What is read, in turn: so many that callers seldom share what is read for one of them."""
GET = "/blrcs.v1.RecordService/GetRecord"
CREATE = "/blrcs.v1.RecordService/CreateRecord"
BATCH_WRITE = "/blrcs.v1.RecordService/BatchWriteRecords"
BATCH = 1_000


def data(number: int) -> dict[str, object]:
    """One of the documents: half a kilobyte of JSON."""
    return {
        "name": f"Person {number}",
        "email": f"person-{number}@example.com",
        "age": number % 100,
        "active": number % 3 == 0,
        "tags": ["one", "two", "three"],
        "address": {"street": f"{number} High Street", "city": "Berlin", "zip": f"{number:05}"},
        "note": "x" * 256,
    }


@dataclass(frozen=True, slots=True)
class RecordServer:
    """A running server with the collection in it."""

    process: ServerProcess
    channel: grpc.Channel
    metadata: Metadata

    @property
    def stub(self) -> record_pb2_grpc.RecordServiceStub:
        return record_pb2_grpc.RecordServiceStub(self.channel)

    def jwk(self) -> str:
        """What its tokens are verified by, as JSON."""
        jwks = auth_pb2_grpc.AuthServiceStub(self.channel).GetJwks(Empty(), metadata=self.metadata)
        return json.dumps(MessageToDict(jwks)["keys"][0])

    def fill(self, count: int = RECORDS) -> None:
        """Writes the records ``r0`` and so on."""
        for first in range(0, count, BATCH):
            self.stub.BatchWriteRecords(
                batch(range(first, min(first + BATCH, count))), metadata=self.metadata
            )

    def load(self, method: str, request: bytes, reply: bytes | None, **shape: int) -> Load:
        return Load(
            port=self.process.port,
            method=method,
            metadata=self.metadata,
            request=request,
            reply=reply,
            **shape,
        )

    def gets(self) -> dict[bytes, bytes]:
        """Requests for records, with what they are answered now."""
        # As octets: a parsed reply may be written in another order.
        get = self.channel.unary_unary(GET)
        answers = {}
        for each in READS:
            request = record_pb2.GetRecordRequest(name=f"{PARENT}/records/{each}")
            sent = request.SerializeToString()
            answers[sent] = get(sent, metadata=self.metadata)
            record = record_pb2.Record.FromString(answers[sent])
            assert record.data["email"] == data(int(each[1:]))["email"]
        return answers


def batch(numbers: range) -> record_pb2.BatchWriteRecordsRequest:
    """Creates one record for each number."""
    return record_pb2.BatchWriteRecordsRequest(
        parent=PARENT,
        writes=[
            record_pb2.RecordWrite(
                create=record_pb2.CreateRecordRequest(
                    parent=PARENT,
                    record_id=f"r{number}",
                    record=record_pb2.Record(data=data(number)),
                )
            )
            for number in numbers
        ],
    )


@contextmanager
def record_server(
    folder: Path,
    core: int | None,
    environ: Mapping[str, str] | None = None,
    indexes: Sequence[str] = (),
) -> Iterator[RecordServer]:
    """A ``blrcs serve`` of one worker with its data in ``folder``, and these indexes declared."""
    with serving(folder, core, ("--workers", "1"), environ) as (process, channel, metadata):
        server = RecordServer(process, channel, metadata)
        server.stub.CreateCollection(
            record_pb2.CreateCollectionRequest(
                parent=f"tenants/{TENANT}",
                collection_id=COLLECTION,
                collection={"indexes": [{"path": path} for path in indexes]},
            ),
            metadata=metadata,
        )
        yield server
