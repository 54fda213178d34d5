"""A hosted service that acknowledges writes when its log has them, and carries them out later."""

from pathlib import Path

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.wrappers_pb2 import StringValue

from blrcs.protos import compile_project
from tests.e2e.workers import TIMEOUT_S

PROTO = """
syntax = "proto3";
package behind.v1;

import "blrcs/v1/policy.proto";

service BehindService {
  rpc Put(PutRequest) returns (PutResponse) {
    option (blrcs.v1.policy) = {public: true};
  }
  // Once all is carried out.
  rpc List(ListRequest) returns (ListResponse) {
    option (blrcs.v1.policy) = {public: true};
  }
}

message PutRequest {
  string key = 1;
}
message PutResponse {}
message ListRequest {}
message ListResponse {
  repeated string keys = 1;
}
"""

SERVICE = """
import asyncio
from pathlib import Path

import sqlalchemy as sa
from behind.v1 import behind_pb2, behind_pb2_grpc
from sqlalchemy.schema import CreateTable

from blrcs.cache.strategies import WriteBehind
from blrcs.database.statement import Statement
from blrcs.database.types import KEY
from blrcs.database.write_sink import DatabaseSink
from blrcs.domain.errors import UnavailableError

effects = sa.Table("effects", sa.MetaData(), sa.Column("key", KEY))
ADD = Statement(sa.insert(effects))
ALL = Statement(sa.select(effects))


async def write(transaction, writes):
    if Path("held").exists():
        raise UnavailableError("HELD", "not now")
    for each in writes:
        await transaction.execute(ADD, key=each.key)


class BehindService(behind_pb2_grpc.BehindServiceServicer):
    def __init__(self, resources):
        self.resources = resources
        self.writing = None

    async def start(self):
        await self.resources.database.define(CreateTable(effects, if_not_exists=True))
        self.writing = await WriteBehind.open(
            self.resources.cache,
            "effects",
            self.resources.own_directory("behind"),
            await DatabaseSink.open(self.resources.database, write),
        )
        self.resources.on_stop(self.writing.close)

    async def Put(self, request, call):
        await self.writing.put(request.key, b"x")
        return behind_pb2.PutResponse()

    async def List(self, request, call):
        while self.writing.lag_entries:
            await asyncio.sleep(0.01)
        rows = await self.resources.database.fetch_all(ALL)
        return behind_pb2.ListResponse(keys=[row.key for row in rows])


def register(server, resources):
    service = BehindService(resources)
    resources.on_start(service.start)
    behind_pb2_grpc.add_BehindServiceServicer_to_server(service, server)
"""

REGISTER = "behind_service:register"


def write_behind(directory: Path) -> None:
    """Writes and compiles the service, for ``--service`` in that working directory."""
    proto = directory / "proto/behind/v1/behind.proto"
    proto.parent.mkdir(parents=True)
    proto.write_text(PROTO)
    (directory / "behind_service.py").write_text(SERVICE)
    compile_project(directory)


def put(channel: grpc.Channel, key: str) -> None:
    """Returns when it is acknowledged."""
    method = channel.unary_unary(
        "/behind.v1.BehindService/Put", StringValue.SerializeToString, Empty.FromString
    )
    method(StringValue(value=key), timeout=TIMEOUT_S)


def effects(channel: grpc.Channel) -> list[str]:
    """The keys of all writes that were carried out, when none is left to be."""
    method = channel.unary_unary(
        "/behind.v1.BehindService/List", Empty.SerializeToString, FieldMask.FromString
    )
    return list(method(Empty(), timeout=TIMEOUT_S).paths)
