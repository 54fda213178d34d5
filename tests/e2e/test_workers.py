"""Several workers behave as one server, and outlive each other."""

import os
import re
import select
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.e2e.conftest import Start
from tests.e2e.gate import PASS, PING, REGISTER, open_gate, write_gate
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import (
    TIMEOUT_S,
    channels_to_all,
    children,
    kill,
    pass_gate,
    ping,
    pinged,
    stop,
    wait_for_end,
)
from tests.unit.native.http2 import frames

OK = grpc.StatusCode.OK
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture
def gate(start: Start, tmp_path: Path) -> Server:
    """Two workers with the gate service alone."""
    write_gate(tmp_path)
    return start("--service", REGISTER, "--no-builtin", "--workers", "2")


def limited(directory: Path, **limits: str) -> None:
    """Writes limits of methods; the names of the arguments are those of gate's."""
    names = {"ping": PING, "passing": PASS}
    text = "".join(
        f'[policies."{names[name]}"]\nlimits = [{limit}]\n' for name, limit in limits.items()
    )
    (directory / "blrcs.toml").write_text(text)


def test_a_limit_is_that_of_all_workers_together(start: Start, tmp_path: Path) -> None:
    limited(tmp_path, passing='{key = "method", requests = 100, period = "1h"}')
    write_gate(tmp_path)
    open_gate(tmp_path)
    gate = start("--service", REGISTER, "--no-builtin", "--workers", "2")
    codes: list[grpc.StatusCode] = []

    def call(channel: grpc.Channel, count: int) -> None:
        for _ in range(count):
            try:
                list(pass_gate(channel))
            except grpc.RpcError as error:
                codes.append(error.code())
            else:
                codes.append(OK)

    with channels_to_all(gate, 2) as channels:
        for channel in channels.values():
            call(channel, 1)
        assert codes == [OK, OK]
        threads = [
            threading.Thread(target=call, args=(channel, 20))
            for channel in channels.values()
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (codes.count(OK), codes.count(EXHAUSTED)) == (100, 62)


def test_a_worker_that_is_killed_is_replaced_while_the_others_serve(gate: Server) -> None:
    with channels_to_all(gate, 2) as channels:
        (killed, _), (other, channel) = channels.items()
        kill(killed)
        assert [ping(channel) for _ in range(20)] == [(OK, other)] * 20
    assert str(killed) in gate.wait_for(r"worker died.*\n", source="stderr")[0]
    gate.wait_for("worker started", source="stderr")
    with channels_to_all(gate, 2) as channels:
        assert killed not in channels
        assert other in channels
    assert gate.stop() == 0


def test_what_waits_for_a_killed_worker_is_served_by_another(gate: Server) -> None:
    with channels_to_all(gate, 2) as channels:
        killed = max(channels)
    stop(killed)
    host, _, port = gate.address.rpartition(":")
    with ExitStack() as stack:
        # The kernel puts about half of them into the queue of each worker.
        waiting = [
            stack.enter_context(socket.create_connection((host, int(port)), TIMEOUT_S))
            for _ in range(32)
        ]
        # No successor comes to serve.
        (gate.directory / "gate_service.py").write_text("raise RuntimeError('broken')\n")
        kill(killed)
        for each in waiting:
            each.sendall(frames.PREFACE + frames.settings())
            assert each.recv(frames.HEAD_BYTES)[3] == frames.SETTINGS


def test_what_a_killed_worker_held_is_given_back(start: Start, tmp_path: Path) -> None:
    limited(
        tmp_path, passing='{key = "method", requests = 1, period = "1h", algorithm = "concurrency"}'
    )
    write_gate(tmp_path)
    gate = start("--service", REGISTER, "--no-builtin", "--workers", "2")
    with channels_to_all(gate, 2) as channels:
        (killed, holding), (_, waiting) = channels.items()
        passing = pass_gate(holding)
        next(passing)
        with pytest.raises(grpc.RpcError) as refused:
            next(pass_gate(waiting))
        assert refused.value.code() is EXHAUSTED
        kill(killed)
        gate.wait_for("worker died", source="stderr")
        open_gate(tmp_path)
        assert list(pass_gate(waiting)) == [Empty(), Empty()]


def test_a_rolling_restart_fails_no_call(gate: Server) -> None:
    with channels_to_all(gate, 2) as channels:
        before = set(channels)
    with pinged(gate.address) as codes:
        gate.signal(signal.SIGUSR2)
        gate.wait_for("workers replaced", source="stderr")
    assert set(codes) == {OK}
    with channels_to_all(gate, 2) as channels:
        assert before.isdisjoint(channels)


def test_a_rolling_restart_tells_no_watcher_that_the_server_is_gone(gate: Server) -> None:
    """A balancer that was told so by the worker that it asks would turn away from all of them."""
    request = health_pb2.HealthCheckRequest()
    with channels_to_all(gate, 2) as channels:
        watches = [
            health_pb2_grpc.HealthStub(each).Watch(request, timeout=TIMEOUT_S)
            for each in channels.values()
        ]
        told = [next(each).status for each in watches]
        gate.signal(signal.SIGUSR2)
        told += [each.status for watch in watches for each in watch]
    assert told == [health_pb2.HealthCheckResponse.SERVING] * 2


def test_a_rolling_restart_that_cannot_start_keeps_the_workers(gate: Server) -> None:
    with channels_to_all(gate, 2) as channels:
        (gate.directory / "gate_service.py").write_text("raise RuntimeError('broken')\n")
        gate.signal(signal.SIGUSR2)
        gate.wait_for("rolling restart given up", source="stderr")
        for process, channel in channels.items():
            assert ping(channel) == (OK, process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_accepted_calls_of_every_worker_finish(
    gate: Server, tmp_path: Path, number: signal.Signals
) -> None:
    with channels_to_all(gate, 2) as channels:
        passing = [pass_gate(channel) for channel in channels.values()]
        for each in passing:
            next(each)
        gate.signal(number)
        gate.wait_for("Stopping", source="stderr")
        open_gate(tmp_path)
        assert [list(each) for each in passing] == [[Empty()]] * 2
        assert gate.wait() == 0
    assert "Traceback" not in gate.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_may_be_sent_to_all_processes_at_once(
    gate: Server, tmp_path: Path, number: signal.Signals
) -> None:
    """Calls that finish have the cache until the last one has."""
    with grpc.insecure_channel(gate.address) as channel:
        passing = pass_gate(channel)
        next(passing)
        started = children(gate.process_id)
        ends = {process: os.pidfd_open(process) for process in started}
        (keeper,) = (each for each in started if b"keeper" in command_line(each))
        kept = ends.pop(keeper)
        for process in (*started, gate.process_id):
            os.kill(process, number)
        idle, _, _ = select.select(ends.values(), [], [], TIMEOUT_S)
        assert len(idle) == 1
        assert not select.select([kept], [], [], 0)[0]
        # It might have been about to end.
        ignored = re.search(r"SigIgn:\s+(\w+)", Path(f"/proc/{keeper}/status").read_text())
        assert ignored
        assert int(ignored[1], 16) >> (number - 1) & 1
        open_gate(tmp_path)
        assert list(passing) == [Empty()]
    assert gate.wait() == 0
    assert "Traceback" not in gate.stderr
    for each in (kept, *ends.values()):
        wait_for_end(each)


def test_who_dies_under_a_bad_configuration_is_replaced_once_that_is_mended(
    gate: Server, tmp_path: Path
) -> None:
    with channels_to_all(gate, 2) as channels:
        dead, other = channels
        (tmp_path / "blrcs.toml").write_text("[logging\n")
        kill(dead)
        gate.wait_for(r"(?s)worker died.*\nblrcs\.toml:1: .*does not start", source="stderr")
        assert ping(channels[other]) == (OK, other)
        with grpc.insecure_channel(gate.address) as channel:
            assert ping(channel) == (OK, other)
        (tmp_path / "blrcs.toml").write_text("")
        gate.wait_for("worker started", source="stderr")
    with channels_to_all(gate, 2) as channels:
        assert other in channels
        assert dead not in channels


def command_line(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def test_a_server_that_has_not_started_can_be_stopped(start: Start) -> None:
    server = start("--workers", "2")
    server.wait_for_child()
    assert server.stop() == 0
    assert "Serving" not in server.stdout


def test_sighup_reloads_every_worker(gate: Server) -> None:
    with channels_to_all(gate, 2) as channels:
        limited(gate.directory, ping='{key = "method", requests = 3, period = "1h"}')
        gate.signal(signal.SIGHUP)
        gate.wait_for(r"(?s)configuration reloaded.*configuration reloaded", source="stderr")
        codes = [ping(channel)[0] for _ in range(2) for channel in channels.values()]
    assert codes == [OK, OK, OK, EXHAUSTED]


def test_without_their_supervisor_workers_end(gate: Server) -> None:
    with channels_to_all(gate, 2) as channels:
        started = children(gate.process_id)
        ends = [os.pidfd_open(process) for process in started]
        assert channels.keys() < set(started), "a worker is somebody else's child"
        assert len(started) == 3, "there are others than the workers and the keeper"
    kill(gate.process_id)
    for each in ends:
        wait_for_end(each)


def test_a_data_directory_has_one_server(gate: Server) -> None:
    assert gate.address
    result = blrcs("serve", "--port", "0", "--workers", "2", cwd=gate.directory)
    assert result.returncode == 1
    assert re.fullmatch(
        rf"blrcs: .*is in use by another server \(process {gate.process_id}\)\n", result.stderr
    )


def test_a_port_that_is_taken_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = blrcs("serve", "--port", str(port), "--workers", "2", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == (
        f"blrcs: cannot listen on 127.0.0.1:{port}: it is in use; --port, or server.port,"
        " chooses another\n"
    )


def test_the_port_of_workers_is_taken_for_others(gate: Server, tmp_path: Path) -> None:
    port = gate.address.rpartition(":")[2]
    for workers in ("1", "2"):
        data = tmp_path / f"other{workers}"
        result = blrcs("serve", "--port", port, "--workers", workers, "--data", data, cwd=tmp_path)
        assert result.returncode == 1
        assert "cannot listen" in result.stderr


def test_a_worker_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    result = blrcs(
        "serve", "--port", "0", "--workers", "2", "--service", "nowhere:register", cwd=tmp_path
    )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("blrcs: service nowhere:register: ")


def test_a_unix_socket_is_served_by_all(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path)
    path = tmp_path / "blrcs.sock"
    gate = start(
        "--service",
        REGISTER,
        "--no-builtin",
        "--workers",
        "2",
        BLRCS_SERVER__UDS=str(path),
    )
    assert f"unix:{path}" in gate.wait_for(r"Serving gRPC on unix:\S+")[0]
    with grpc.insecure_channel(f"unix:{path}") as channel:
        assert ping(channel)[0] is OK


def test_grpcio_serves_a_unix_socket_by_one_process(tmp_path: Path) -> None:
    result = blrcs(
        "serve",
        "--port",
        "0",
        "--workers",
        "2",
        cwd=tmp_path,
        environ={
            "BLRCS_SERVER__UDS": str(tmp_path / "socket"),
            "BLRCS_SERVER__TRANSPORT": "grpcio",
        },
    )
    assert (result.returncode, result.stderr) == (
        1,
        "blrcs: grpcio serves server.uds by one process: set server.workers to 1\n",
    )


def test_grpcio_serves_by_several_workers(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path)
    gate = start(
        "--service",
        REGISTER,
        "--no-builtin",
        "--workers",
        "2",
        BLRCS_SERVER__TRANSPORT="grpcio",
    )
    with channels_to_all(gate, 2):
        pass
    gate.signal(signal.SIGUSR2)
    gate.wait_for("workers replaced", source="stderr")
    with channels_to_all(gate, 2):
        assert gate.stop() == 0
