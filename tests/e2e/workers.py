"""A server of several processes, and channels to each of them."""

import itertools
import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
from google.protobuf.empty_pb2 import Empty

from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc
from tests.e2e.gate import PASS, PING, REGISTER, write_gate
from tests.e2e.server import START_TIMEOUT_S, Server

TIMEOUT_S = 60
MAX_CHANNELS = 128
FIRST_PASSWORD = "correct horse battery"
PASSWORD = "staple battery horse"
Metadata = list[tuple[str, str]]
# Every channel has a connection of its own.
OPTIONS = [("grpc.use_local_subchannel_pool", 1)]


def start_two_workers(start: Callable[..., Server], directory: Path, **environ: str) -> Server:
    """Two workers with all services, those of BLRCS and the one that says which worker it is."""
    write_gate(directory)
    return start(
        "--service",
        REGISTER,
        "--workers",
        "2",
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        # Every test calls from one address.
        BLRCS_POLICIES=json.dumps(
            {
                f"/blrcs.v1.{name}Service/*": {"limits": []}
                for name in ("Auth", "User", "Access", "Limit", "Cache", "Record")
            }
        ),
        **environ,
    )


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
def pinged(address: str, callers: int = 8) -> Iterator[list[grpc.StatusCode]]:
    """Calls all the time from several connections; tells how the calls have ended."""
    over = threading.Event()
    codes: list[grpc.StatusCode] = []

    def load() -> None:
        with grpc.insecure_channel(address, OPTIONS) as channel:
            while not over.is_set():
                codes.append(ping(channel)[0])

    threads = [threading.Thread(target=load) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield codes
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def channels_to_all(server: Server, count: int) -> Iterator[dict[int, grpc.Channel]]:
    """A channel to each of ``count`` processes; the kernel chooses, so many are tried.

    A process that is late is given no connection, so that more are tried for a while.
    """
    end_s = time.monotonic() + TIMEOUT_S
    with ExitStack() as stack:
        found: dict[int, grpc.Channel] = {}
        for tried in itertools.count():
            channel = stack.enter_context(grpc.insecure_channel(server.address, OPTIONS))
            code, process = ping(channel)
            assert code is grpc.StatusCode.OK, code
            found.setdefault(process, channel)
            if len(found) == count:
                break
            if tried >= MAX_CHANNELS:
                assert time.monotonic() < end_s, f"{len(found)} processes answer"
                time.sleep(0.1)
        yield found


def until(condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
    """Waits for what nobody tells."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it has never come true"
        time.sleep(0.01)


def children(process_id: int) -> list[int]:
    """The processes that a process has started."""
    return list(
        map(int, Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split())
    )


def kill(process_id: int) -> None:
    os.kill(process_id, signal.SIGKILL)


def stop(process_id: int) -> None:
    """Has it do nothing more, nor end."""
    os.kill(process_id, signal.SIGSTOP)
    state = Path(f"/proc/{process_id}/stat")
    until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")


def wait_for_end(descriptor: int) -> None:
    """Waits for the end of the process that a pidfd names."""
    ended, _, _ = select.select([descriptor], [], [], START_TIMEOUT_S)
    os.close(descriptor)
    assert ended, "the process goes on"


def sign_in(channel: grpc.Channel, user_id: str, password: str = PASSWORD) -> str:
    request = auth_pb2.SignInRequest(user_id=user_id, password=password)
    return (
        auth_pb2_grpc.AuthServiceStub(channel)
        .SignIn(request, timeout=TIMEOUT_S)
        .tokens.access_token
    )


def bearer(token: str) -> Metadata:
    return [("authorization", f"Bearer {token}")]


def choose_password(channel: grpc.Channel, user_id: str) -> None:
    """Every user's first password is somebody else's, and good for this alone."""
    user_pb2_grpc.UserServiceStub(channel).ChangePassword(
        user_pb2.ChangePasswordRequest(
            name=f"users/{user_id}", old_password=FIRST_PASSWORD, new_password=PASSWORD
        ),
        metadata=bearer(sign_in(channel, user_id, FIRST_PASSWORD)),
        timeout=TIMEOUT_S,
    )


def administrator(channels: list[grpc.Channel]) -> Metadata:
    """The metadata of an administrator, whose password one worker changed."""
    choose_password(channels[0], "admin")
    return bearer(sign_in(channels[1], "admin"))


def code(call: Callable[[], object]) -> grpc.StatusCode:
    """How a call ended."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK
