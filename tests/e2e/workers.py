"""A server of several processes, and channels to each of them."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
from google.protobuf.empty_pb2 import Empty

from tests.e2e.gate import PASS, PING
from tests.e2e.server import START_TIMEOUT_S, Server

TIMEOUT_S = 60
MAX_CHANNELS = 128
# Every channel has a connection of its own.
OPTIONS = [("grpc.use_local_subchannel_pool", 1)]


def ping(channel: grpc.Channel) -> tuple[grpc.StatusCode, int]:
    """How a call ended, and the process that answered; 0 where it did not come to the handler."""
    method = channel.unary_unary(PING, Empty.SerializeToString, Empty.FromString)
    try:
        _, call = method.with_call(Empty(), timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        return error.code(), 0
    return call.code(), int(dict(call.trailing_metadata())["process"])


def pass_gate(channel: grpc.Channel) -> Iterator[Empty]:
    """A call that lasts until the gate is open; its first message is there at once."""
    method = channel.unary_stream(PASS, Empty.SerializeToString, Empty.FromString)
    return method(Empty(), timeout=TIMEOUT_S)


@contextmanager
def channels_to_all(server: Server, count: int) -> Iterator[dict[int, grpc.Channel]]:
    """A channel to each of ``count`` processes; the kernel chooses, so many are tried."""
    with ExitStack() as stack:
        found: dict[int, grpc.Channel] = {}
        for _ in range(MAX_CHANNELS):
            channel = stack.enter_context(grpc.insecure_channel(server.address, OPTIONS))
            code, process = ping(channel)
            assert code is grpc.StatusCode.OK, code
            found.setdefault(process, channel)
            if len(found) == count:
                break
        assert len(found) == count, f"{len(found)} processes answer"
        yield found


def children(process_id: int) -> list[int]:
    """The processes that a process has started."""
    return list(
        map(int, Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split())
    )


def kill(process_id: int) -> None:
    os.kill(process_id, signal.SIGKILL)


def wait_for_end(descriptor: int) -> None:
    """Waits for the end of the process that a pidfd names."""
    ended, _, _ = select.select([descriptor], [], [], START_TIMEOUT_S)
    os.close(descriptor)
    assert ended, "the process goes on"
