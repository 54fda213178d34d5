"""A service of the tests' own: its calls pass when a file appears."""

from pathlib import Path

from blrcs.protos import compile_project

PROTO = """
syntax = "proto3";
package gate.v1;

import "blrcs/v1/policy.proto";

service GateService {
  // Answers at once, and again when the gate is open.
  rpc Pass(PassRequest) returns (stream PassResponse) {
    option (blrcs.v1.policy) = {public: true};
  }
  rpc Ping(PingRequest) returns (PingResponse) {
    POLICY
  }
}

message PassRequest {}
message PassResponse {}
message PingRequest {}
message PingResponse {}
"""

PUBLIC = "option (blrcs.v1.policy) = {public: true};"

SERVICE = """
import asyncio
import os
import time
from pathlib import Path

from gate.v1 import gate_pb2, gate_pb2_grpc

PARENT = os.getppid()


class GateService(gate_pb2_grpc.GateServiceServicer):
    async def Pass(self, request, call):
        yield gate_pb2.PassResponse()
        while not Path("open").exists():
            await asyncio.sleep(0.01)
        yield gate_pb2.PassResponse()

    async def Ping(self, request, call):
        # As no handler should; where its supervisor is killed it ends all the same.
        while Path("block").exists() and os.getppid() == PARENT:
            time.sleep(0.01)
        call.set_trailing_metadata((("process", str(os.getpid())),))
        return gate_pb2.PingResponse()


def register(server):
    while Path("hold").exists() and os.getppid() == PARENT:
        Path("held").touch()
        time.sleep(0.01)
    gate_pb2_grpc.add_GateServiceServicer_to_server(GateService(), server)
"""

REGISTER = "gate_service:register"
# Its messages are empty, so that tests can call it by google.protobuf.Empty.
PASS = "/gate.v1.GateService/Pass"
PING = "/gate.v1.GateService/Ping"


def write_gate(directory: Path, *, ping_policy: str = PUBLIC) -> None:
    """Writes and compiles the service, for ``--service`` in that working directory."""
    proto = directory / "proto/gate/v1/gate.proto"
    proto.parent.mkdir(parents=True, exist_ok=True)
    proto.write_text(PROTO.replace("POLICY", ping_policy))
    (directory / "gate_service.py").write_text(SERVICE)
    compile_project(directory)


def open_gate(directory: Path) -> None:
    """Lets the calls pass that wait."""
    (directory / "open").touch()
