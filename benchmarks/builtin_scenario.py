"""The calls of ``blrcs serve`` that the transport's benchmark makes: a real server, a real token.

``LimitService.Consume`` takes one of a limit that is never used up, and ``CacheService.Get`` gets
an entry of 16 bytes from memory.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
from blrcs_server import Metadata, serving
from google.protobuf.duration_pb2 import Duration
from load import Load
from server_process import ServerProcess

from blrcs.v1 import cache_pb2, limit_pb2, policy_pb2
from blrcs.v1.cache_pb2_grpc import CacheServiceStub
from blrcs.v1.limit_pb2_grpc import LimitServiceStub

CONSUME = "/blrcs.v1.LimitService/Consume"
GET = "/blrcs.v1.CacheService/Get"
DOMAIN = "bench"
DESCRIPTOR = limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key="user", value="alice")])
CONSUME_REQUEST = limit_pb2.ConsumeRequest(domain=DOMAIN, descriptors=[DESCRIPTOR])
REQUESTS = 1_000_000_000
PERIOD_S = 365 * 86_400
GET_REQUEST = cache_pb2.GetRequest(namespace=DOMAIN, key="greeting")
VALUE = b"0123456789abcdef"


class Builtin:
    """What the calls of a running server need: a limit and an entry, made by its API."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata) -> None:
        self.metadata = metadata
        self._limits = LimitServiceStub(channel)
        self._limits.CreateLimitRule(
            limit_pb2.CreateLimitRuleRequest(
                limit_rule=limit_pb2.LimitRule(
                    domain=DOMAIN,
                    match=[limit_pb2.LimitEntry(key="user")],
                    requests=REQUESTS,
                    period=Duration(seconds=PERIOD_S),
                    algorithm=policy_pb2.LIMIT_ALGORITHM_FIXED_WINDOW,
                )
            ),
            metadata=self.metadata,
        )
        cache = CacheServiceStub(channel)
        cache.Set(
            cache_pb2.SetRequest(namespace=DOMAIN, key=GET_REQUEST.key, value=VALUE),
            metadata=self.metadata,
        )
        got = cache.Get(GET_REQUEST, metadata=self.metadata)
        assert got.entry.value == VALUE
        self._got: bytes = got.SerializeToString()

    def loads(self, port: int, core: int | None, connections: int, streams: int) -> dict[str, Load]:
        """The load on each method."""

        def load(method: str, request: bytes, reply: bytes | None) -> Load:
            return Load(
                port=port,
                method=method,
                metadata=self.metadata,
                request=request,
                reply=reply,
                core=core,
                connections=connections,
                streams=streams,
            )

        return {
            CONSUME: load(CONSUME, CONSUME_REQUEST.SerializeToString(), None),
            GET: load(GET, GET_REQUEST.SerializeToString(), self._got),
        }

    def consumed(self) -> int:
        """How many calls of Consume have been admitted: the limit's own count of them."""
        peeked = self._limits.Peek(
            limit_pb2.PeekRequest(domain=DOMAIN, descriptors=[DESCRIPTOR]), metadata=self.metadata
        )
        return REQUESTS - int(peeked.statuses[0].remaining)


def has_workers() -> bool:
    """Whether ``blrcs serve`` runs more than one process."""
    command = [sys.executable, "-m", "blrcs", "serve", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return "--workers" in done.stdout


@contextmanager
def builtin_server(
    folder: Path, core: int | None, options: Sequence[str] = ()
) -> Iterator[tuple[ServerProcess, Builtin]]:
    """A ``blrcs serve`` with its data in ``folder``, and what its calls need."""
    with serving(folder, core, options) as (server, channel, metadata):
        yield server, Builtin(channel, metadata)
