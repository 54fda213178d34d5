"""Workers that live and do nothing are replaced, and hold up nobody for long."""

import json
import mmap
import os
import signal
import struct
from pathlib import Path

import grpc
from google.protobuf.empty_pb2 import Empty

from blrcs.workers.pulses import WORDS
from blrcs.workers.segment import PAGE_BYTES
from tests.e2e.conftest import Start
from tests.e2e.gate import PING, REGISTER, write_gate
from tests.e2e.server import Server
from tests.e2e.workers import (
    OPTIONS,
    TIMEOUT_S,
    channels_to_all,
    children,
    kill,
    ping,
    start_two_workers,
    stop,
    until,
)

OK = grpc.StatusCode.OK
STRIPES_AT, STRIPES, STRIPE_BYTES = 64, 1024, 64  # as limits/sharing.pyx states
LOG_OWNER_AT = 8  # as tokens/revocation_log.pxd states
WORD_BYTES = 8
PATIENT_HANG_TIMEOUT_S = 60


def start_gate(start: Start, directory: Path, workers: int = 2, hang_timeout_s: int = 2) -> Server:
    write_gate(directory)
    return start(
        "--service",
        REGISTER,
        "--no-builtin",
        "--workers",
        str(workers),
        BLRCS_SERVER__HANG_TIMEOUT_S=str(hang_timeout_s),
        BLRCS_POLICIES=json.dumps(
            {PING: {"limits": [{"key": "method", "requests": 100_000, "period": "1h"}]}}
        ),
    )


def figure(server: Server, name: str) -> float:
    lines = server.metrics().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def have_it_hold_all_locks(server: Server, process: int) -> None:
    """Writes into the shared memory what a process has written there that was stopped just then."""
    (memory,) = (
        each
        for each in Path(f"/proc/{server.process_id}/fd").iterdir()
        if str(each.readlink()) == "/memfd:blrcs (deleted)"
    )
    descriptor = os.open(memory, os.O_RDWR)
    with mmap.mmap(descriptor, os.fstat(descriptor).st_size) as shared:
        os.close(descriptor)
        size = int.from_bytes(shared[8:16], "little")
        regions = json.loads(shared[16 : 16 + size])["regions"]
        assert regions["pulses"][0] >= PAGE_BYTES
        start, length = regions["pulses"]
        words = struct.unpack(f"={length // WORD_BYTES}Q", shared[start : start + length])
        mark = struct.pack("=Q", words[::WORDS].index(process) + 1)
        at = regions["sharing/guards"][0] + STRIPES_AT
        for stripe in range(STRIPES):
            place = at + stripe * STRIPE_BYTES
            shared[place : place + WORD_BYTES] = mark
        place = regions["revocations"][0] + LOG_OWNER_AT
        shared[place : place + WORD_BYTES] = mark


def test_a_worker_that_was_stopped_is_replaced(start: Start, tmp_path: Path) -> None:
    gate = start_gate(start, tmp_path)
    with channels_to_all(gate, 2) as channels:
        (stopped, _), (other, channel) = channels.items()
        assert figure(gate, "blrcs_worker_hangs_total") == 0
        stop(stopped)
        gate.wait_for("worker is late", source="stderr")
        # No new connection is given to it, and what waits for it the other one takes.
        for _ in range(8):
            with grpc.insecure_channel(gate.address, OPTIONS) as new:
                assert ping(new) == (OK, other)
        assert str(stopped) in gate.wait_for(r"worker hangs and is killed.*\n", source="stderr")[0]
        gate.wait_for("worker started", source="stderr")
        assert ping(channel) == (OK, other)
    with channels_to_all(gate, 2) as channels:
        assert stopped not in channels
    assert figure(gate, "blrcs_worker_hangs_total") == 1
    assert gate.stop() == 0


def test_a_worker_whose_handler_blocks_is_replaced_and_says_where(
    start: Start, tmp_path: Path
) -> None:
    gate = start_gate(start, tmp_path)
    with channels_to_all(gate, 2) as channels:
        hung, channel = channels.popitem()
        (tmp_path / "block").touch()
        method = channel.unary_unary(PING, Empty.SerializeToString, Empty.FromString)
        call = method.future(Empty(), timeout=TIMEOUT_S)
        assert str(hung) in gate.wait_for(r"worker hangs and is killed.*\n", source="stderr")[0]
        gate.wait_for(r'gate_service.py", line \d+ in Ping', source="stderr")
        gate.wait_for("worker died", source="stderr")
        (tmp_path / "block").unlink()
        gate.wait_for("worker started", source="stderr")
        assert call.code() is grpc.StatusCode.UNAVAILABLE
    with channels_to_all(gate, 2) as channels:
        assert hung not in channels


def test_a_stopped_worker_that_has_all_locks_holds_up_nobody_for_long(
    start: Start, tmp_path: Path
) -> None:
    # Nobody is silent for so long, however busy the machine: neither who waits nor who is stopped.
    gate = start_gate(start, tmp_path, workers=3, hang_timeout_s=PATIENT_HANG_TIMEOUT_S)
    with channels_to_all(gate, 3) as channels:
        (stopped, _), (killed, _), (waiting, channel) = channels.items()
        stop(stopped)
        have_it_hold_all_locks(gate, stopped)
        # The supervisor wants the locks too, for what this one has left.
        kill(killed)
        assert ping(channel) == (OK, waiting)
        said = gate.wait_for(r"worker holds up others and is killed.*\n", source="stderr")[0]
        assert str(stopped) in said
        gate.wait_for(r"(?s)worker started.*worker started", source="stderr")
        assert ping(channel) == (OK, waiting)
    with channels_to_all(gate, 3):
        assert gate.stop() == 0
    assert "hangs" not in gate.stderr


def test_a_worker_that_was_stopped_while_it_starts_is_replaced(
    start: Start, tmp_path: Path
) -> None:
    gate = start_gate(start, tmp_path)
    with channels_to_all(gate, 2) as channels:
        (tmp_path / "hold").touch()
        before = set(children(gate.process_id))
        kill(max(channels))
        until(lambda: bool(set(children(gate.process_id)) - before))
        (starting,) = set(children(gate.process_id)) - before
        # Before it runs its own program its parent waits for it, and it would outlive that one.
        program = Path(f"/proc/{starting}/cmdline")
        until(lambda: b"\0worker\0" in program.read_bytes())
        stop(starting)
        (tmp_path / "hold").unlink()
        said = gate.wait_for(r"worker hangs and is killed.*\n", source="stderr")[0]
        assert str(starting) in said
        gate.wait_for("worker started", source="stderr")
    with channels_to_all(gate, 2) as channels:
        assert starting not in channels
    assert figure(gate, "blrcs_worker_hangs_total") == 1
    assert gate.stop() == 0


def test_a_rolling_restart_replaces_a_stopped_worker_too(start: Start, tmp_path: Path) -> None:
    gate = start_gate(start, tmp_path)
    with channels_to_all(gate, 2) as channels:
        before = set(channels)
        stop(max(before))
        gate.signal(signal.SIGUSR2)
        gate.wait_for("workers replaced", source="stderr")
    with channels_to_all(gate, 2) as channels:
        assert not before & set(channels)
    assert gate.stop() == 0


def test_a_drain_ends_where_a_worker_is_stopped(start: Start, tmp_path: Path) -> None:
    gate = start_gate(start, tmp_path)
    with channels_to_all(gate, 2) as channels:
        stop(max(channels))
        assert gate.stop() == 0


def test_a_keeper_that_was_stopped_is_replaced(start: Start, tmp_path: Path) -> None:
    server = start_two_workers(start, tmp_path, BLRCS_SERVER__HANG_TIMEOUT_S="2")
    with channels_to_all(server, 2) as channels:
        (keeper,) = set(children(server.process_id)) - set(channels)
    stop(keeper)
    assert str(keeper) in server.wait_for(r"keeper hangs and is killed.*\n", source="stderr")[0]
    server.wait_for("keeper started", source="stderr")
    assert server.stop() == 0
