"""A whole guarded unary call over real sockets, beside the same pipeline written by hand.

All servers are grpc.aio on uvloop, each a process of its own on one core, the load on another. What
counts first is the processor time of the server's process for each call, which no client can hold
down; requests per second stand beside it. Before anything is measured, every guarded server must
admit and refuse the same calls with the same codes.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
from harness import Claim, Report, main, versions
from load import Load, generator
from measured_load import Subject, loaded, measure
from order_scenario import (
    ALICE,
    BOB,
    METHOD,
    ORDER,
    REQUEST,
    metadata_for,
    orders_pb2,
    orders_pb2_grpc,
)
from server_process import ServerProcess, cores, running

SERVERS = {
    "bare": "grpc.aio, no guards",
    "blrcs-grpcio": "blrcs, guarded",
    "handmade": "handmade, guarded",
    "handmade-remembering": "handmade, tokens remembered",
}
UNGUARDED = "bare"
LIMIT = 3
TIMEOUT_S = 10


@contextmanager
def serving(name: str, *options: str, core: int | None = None) -> Iterator[ServerProcess]:
    """A server, stopped when the block ends."""
    program = Path(__file__).with_name("guarded_server.py")
    with running([sys.executable, program, name, *options], core=core) as server:
        yield server


def codes(port: int) -> list[str]:
    """How a server ends the calls that tell guards apart."""
    numbered = orders_pb2.GetOrderRequest
    good = metadata_for(ALICE)
    forged = [(good[0][0], good[0][1][:-8] + "AAAAAAAA")]
    asked = [
        (REQUEST, good),
        (REQUEST, ()),
        (REQUEST, forged),
        (REQUEST, metadata_for(ALICE, expired=True)),
        (REQUEST, metadata_for("users/mallory")),
        (numbered(order_id="8"), good),
        (numbered(order_id="8"), metadata_for(BOB)),
        (numbered(order_id="eight"), metadata_for(BOB)),
    ]
    found = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = orders_pb2_grpc.OrderServiceStub(channel)
        for request, metadata in asked:
            try:
                reply = stub.GetOrder(request, metadata=metadata, timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                found.append(error.code().name)
            else:
                assert reply == ORDER
                found.append("OK")
    return found


EXPECTED = [
    "OK",
    "UNAUTHENTICATED",
    "UNAUTHENTICATED",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "PERMISSION_DENIED",
    "OK",
    "INVALID_ARGUMENT",
]


def assert_alike() -> None:
    """Every guarded server guards, and all in the same way."""
    for name in SERVERS:
        with serving(name) as server:
            found = codes(server.port)
            expected = ["OK"] * len(EXPECTED) if name == UNGUARDED else EXPECTED
            assert found == expected, (name, found)
        if name == UNGUARDED:
            continue
        with serving(name, f"--requests-per-s={LIMIT}") as server:
            assert "RESOURCE_EXHAUSTED" in codes(server.port) + codes(server.port), name


def load_on(port: int, core: int | None) -> Load:
    return Load(
        port=port,
        method=METHOD,
        metadata=tuple(metadata_for(ALICE)),
        request=REQUEST.SerializeToString(),
        reply=ORDER.SerializeToString(),
        core=core,
    )


def run(rounds: int) -> Report:
    assert_alike()
    server_core, load_core = cores()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        subjects = {}
        for name in SERVERS:
            server = stack.enter_context(serving(name, core=server_core))
            subjects[name] = loaded(server.pid, load_on(server.port, load_core))
        measure(subjects, rounds, folder)
    return report_of(subjects)


def report_of(subjects: dict[str, Subject]) -> Report:
    cpu = {name: each.cpu for name, each in subjects.items()}
    wall = {name: each.wall for name, each in subjects.items()}
    timings = {f"{SERVERS[name]}: processor time": each for name, each in cpu.items()}
    timings |= {f"{SERVERS[name]}: time between replies": each for name, each in wall.items()}
    report = Report(
        f"guarded unary call over grpc.aio, load by {generator()}",
        timings,
        peers=versions(
            "grpcio",
            "uvloop",
            "PyJWT",
            "limits",
            "prometheus-client",
            "protovalidate",
            "cachetools",
        ),
    )
    for name in ("handmade", "handmade-remembering"):
        report.claims += [
            Claim(
                f"{SERVERS[name]} / blrcs, processor time",
                cpu[name].median_ns / cpu["blrcs-grpcio"].median_ns,
            ),
            Claim(
                f"blrcs / {SERVERS[name]}, requests per second",
                wall[name].median_ns / wall["blrcs-grpcio"].median_ns,
            ),
        ]
    guards_ns, by_hand_ns = (
        cpu[name].median_ns - cpu["bare"].median_ns for name in ("blrcs-grpcio", "handmade")
    )
    report.claims += [
        Claim(
            "blrcs / grpc.aio without guards, processor time",
            cpu["blrcs-grpcio"].median_ns / cpu["bare"].median_ns,
        ),
        Claim("handmade / blrcs, processor time above no guards", by_hand_ns / guards_ns),
    ]
    return report


if __name__ == "__main__":
    main(run)
