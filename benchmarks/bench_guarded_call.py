"""A whole guarded unary call over real sockets, beside the same pipeline written by hand.

All servers are grpc.aio on uvloop, each a process of its own on one core, the load on another. What
counts first is the processor time of the server's process for each call, which no client can hold
down; requests per second stand beside it. Before anything is measured, every guarded server must
admit and refuse the same calls with the same codes.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from harness import Claim, Report, Timing, main, versions
from load import Load, generator, run_load
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

SERVERS = {
    "bare": "grpc.aio, no guards",
    "blrcs": "blrcs, guarded",
    "handmade": "handmade, guarded",
    "handmade-remembering": "handmade, tokens remembered",
}
UNGUARDED = "bare"
ROUND_SECONDS = 2.0
WARM_UP_CALLS = 2_000
LIMIT = 3
TIMEOUT_S = 10
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cores() -> tuple[int | None, int | None]:
    """A core for the server and one for the load; None where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return (available[0], available[1]) if len(available) > 1 else (None, None)


@dataclass(slots=True)
class Subject:
    """A running server and what was measured of it."""

    pid: int
    port: int
    calls: int = 0
    cpu_ns: list[float] = field(default_factory=list)
    wall_ns: list[float] = field(default_factory=list)


@contextmanager
def running(name: str, *options: str) -> Iterator[Subject]:
    """A server, stopped when the block ends."""
    program = Path(__file__).with_name("guarded_server.py")
    process = subprocess.Popen(
        [sys.executable, str(program), name, *options], stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or not (line := process.stdout.readline()):
            raise RuntimeError(f"the server {name} did not start")
        yield Subject(process.pid, int(line))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, all its threads, user and system (proc(5))."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / TICKS_PER_S


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
        with running(name) as subject:
            found = codes(subject.port)
            expected = ["OK"] * len(EXPECTED) if name == UNGUARDED else EXPECTED
            assert found == expected, (name, found)
        if name == UNGUARDED:
            continue
        with running(name, f"--requests-per-s={LIMIT}") as subject:
            assert "RESOURCE_EXHAUSTED" in codes(subject.port) + codes(subject.port), name


def load_on(subject: Subject, core: int | None) -> Load:
    return Load(
        port=subject.port,
        method=METHOD,
        metadata=tuple(metadata_for(ALICE)),
        request=REQUEST.SerializeToString(),
        reply=ORDER.SerializeToString(),
        core=core,
    )


def run(rounds: int) -> Report:
    assert_alike()
    server_core, load_core = cores()
    pinned = [] if server_core is None else [f"--core={server_core}"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        subjects = {name: stack.enter_context(running(name, *pinned)) for name in SERVERS}
        for subject in subjects.values():
            seconds = run_load(load_on(subject, load_core), WARM_UP_CALLS, folder)
            subject.calls = max(100, round(WARM_UP_CALLS / seconds * ROUND_SECONDS))
        for _ in range(rounds):
            for subject in subjects.values():
                before = cpu_seconds(subject.pid)
                seconds = run_load(load_on(subject, load_core), subject.calls, folder)
                subject.cpu_ns.append((cpu_seconds(subject.pid) - before) / subject.calls * 1e9)
                subject.wall_ns.append(seconds / subject.calls * 1e9)
    return report_of(subjects)


def report_of(subjects: dict[str, Subject]) -> Report:
    cpu = {name: Timing(tuple(each.cpu_ns)) for name, each in subjects.items()}
    wall = {name: Timing(tuple(each.wall_ns)) for name, each in subjects.items()}
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
                cpu[name].median_ns / cpu["blrcs"].median_ns,
            ),
            Claim(
                f"blrcs / {SERVERS[name]}, requests per second",
                wall[name].median_ns / wall["blrcs"].median_ns,
            ),
        ]
    guards_ns, by_hand_ns = (
        cpu[name].median_ns - cpu["bare"].median_ns for name in ("blrcs", "handmade")
    )
    report.claims += [
        Claim(
            "blrcs / grpc.aio without guards, processor time",
            cpu["blrcs"].median_ns / cpu["bare"].median_ns,
        ),
        Claim("handmade / blrcs, processor time above no guards", by_hand_ns / guards_ns),
    ]
    return report


if __name__ == "__main__":
    main(run)
