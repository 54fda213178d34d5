"""Signals: what a running server does when it is told to stop or to reload."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2, health_pb2_grpc

from blrcs.v1 import cache_pb2, cache_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.gate import PASS, PING, REGISTER, open_gate, write_gate
from tests.e2e.server import START_TIMEOUT_S, Server, blrcs, environment
from tests.e2e.workers import until

TIMEOUT_S = 60
Status = health_pb2.HealthCheckResponse


@pytest.fixture
def gate(start: Start, tmp_path: Path) -> Server:
    """A server of the gate service alone, so that nothing but the gate is timed."""
    write_gate(tmp_path)
    return start("--service", REGISTER, "--no-builtin")


@pytest.fixture
def channel(gate: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(gate.address) as channel:
        yield channel


def ping(channel: grpc.Channel) -> grpc.StatusCode:
    call = channel.unary_unary(PING, Empty.SerializeToString, Empty.FromString)
    try:
        call(Empty(), timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def is_refused(address: str) -> bool:
    with grpc.insecure_channel(address) as late:
        return ping(late) is grpc.StatusCode.UNAVAILABLE


def pass_gate(channel: grpc.Channel) -> Iterator[Empty]:
    call = channel.unary_stream(PASS, Empty.SerializeToString, Empty.FromString)
    return call(Empty(), timeout=TIMEOUT_S)


def watch_health(channel: grpc.Channel) -> Iterator[Status]:
    return health_pb2_grpc.HealthStub(channel).Watch(
        health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_below_the_log_stops_nothing_and_no_stop(start: Start, workers: str) -> None:
    with Path("/dev/full").open("wb") as full:
        server = start("--workers", workers, log=full)
        with grpc.insecure_channel(server.address) as channel:
            assert next(watch_health(channel)).status == Status.SERVING
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_shown_to_nobody_keeps_no_server_from_serving(tmp_path: Path, workers: str) -> None:
    """Standard output may be a full disk, or a pipe that nobody reads any more."""
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "blrcs", "serve", "--port", "0", "--workers", workers],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        assert process.stderr is not None
        assert "No space left on device" in process.stderr.readline()
        assert "blrcs admin recover" in process.stderr.readline()
        health = blrcs("health", "--data", "data", cwd=tmp_path)
        assert (health.returncode, health.stdout) == (0, "SERVING\n")
        process.terminate()
        assert process.wait() == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_without_standard_streams_serves_and_stops(tmp_path: Path, workers: str) -> None:
    command = f'exec "{sys.executable}" -m blrcs serve --port 0 --workers {workers}'
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"{command} <&- >&- 2>&-"], cwd=tmp_path, env=environment()
    )
    try:
        until(
            lambda: process.poll() is not None or (tmp_path / "data/address").exists(),
            START_TIMEOUT_S,
        )
        assert blrcs("health", "--data", "data", cwd=tmp_path).stdout == "SERVING\n"
        process.terminate()
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_with_code_0(start: Start, number: signal.Signals) -> None:
    server = start()
    assert server.address
    server.signal(number)
    assert server.wait() == 0
    assert "Traceback" not in server.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_accepted_call_finishes_and_new_ones_are_refused(
    start: Start, tmp_path: Path, workers: str
) -> None:
    write_gate(tmp_path)
    uds = tmp_path / "s"
    gate = start(
        *("--service", REGISTER, "--no-builtin", "--workers", workers), BLRCS_SERVER__UDS=str(uds)
    )
    with grpc.insecure_channel(gate.address) as channel:
        passing = pass_gate(channel)
        next(passing)
        health = watch_health(channel)
        assert next(health).status == Status.SERVING
        gate.signal(signal.SIGTERM)
        assert next(health).status == Status.NOT_SERVING
        gate.wait_for("Stopping", source="stderr")
        # Once every worker has been told.
        for address in (gate.address, f"unix:{uds}"):
            until(partial(is_refused, address))
        open_gate(tmp_path)
        assert list(passing) == [Empty()]
    assert gate.wait() == 0


def test_those_who_watch_its_health_do_not_keep_it_from_ending(
    start: Start, tmp_path: Path
) -> None:
    write_gate(tmp_path)
    server = start(
        "--service", REGISTER, "--no-builtin", BLRCS_SERVER__DRAIN_GRACE_S=str(TIMEOUT_S * 10)
    )
    with grpc.insecure_channel(server.address) as channel:
        health = watch_health(channel)
        assert next(health).status == Status.SERVING
        server.signal(signal.SIGTERM)
        assert [each.status for each in health] == [Status.NOT_SERVING]
        assert server.wait() == 0


def test_a_call_that_outlasts_the_grace_is_cancelled(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path)
    server = start("--service", REGISTER, "--no-builtin", BLRCS_SERVER__DRAIN_GRACE_S="0.1")
    with grpc.insecure_channel(server.address) as channel:
        passing = pass_gate(channel)
        next(passing)
        assert server.stop() == 0
        with pytest.raises(grpc.RpcError) as caught:
            next(passing)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "Traceback" not in server.stderr


def test_a_changed_limit_holds_from_sighup_on(gate: Server, channel: grpc.Channel) -> None:
    assert {ping(channel) for _ in range(3)} == {grpc.StatusCode.OK}
    (gate.directory / "blrcs.toml").write_text(
        f'[policies."{PING}"]\nlimits = [{{key = "method", requests = 1, period = "1h"}}]\n'
    )
    gate.signal(signal.SIGHUP)
    gate.wait_for("configuration reloaded", source="stderr")
    codes = [ping(channel) for _ in range(3)]
    assert codes == [grpc.StatusCode.OK, *[grpc.StatusCode.RESOURCE_EXHAUSTED] * 2]


def test_sighup_reads_what_no_watch_can_see(start: Start, tmp_path: Path) -> None:
    """A file that a variable names is not among those that are watched."""
    secret = tmp_path / "password"
    secret.write_text("correct horse battery")
    server = start(BLRCS_AUTH__INITIAL_ADMIN_PASSWORD_FILE=str(secret))
    assert server.address
    server.signal(signal.SIGHUP)
    server.wait_for("configuration reloaded", source="stderr")
    assert server.stop() == 0


def test_a_reload_in_the_middle_of_a_start_is_done_after_it(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path)
    (tmp_path / "hold").touch()
    server = start("--service", REGISTER, "--no-builtin")
    until((tmp_path / "held").exists, START_TIMEOUT_S)
    server.signal(signal.SIGHUP)
    (tmp_path / "hold").unlink()
    assert server.address
    server.wait_for("configuration reloaded", source="stderr")
    assert server.stop() == 0


def test_one_process_alone_goes_on_where_it_is_to_be_replaced(
    gate: Server, channel: grpc.Channel
) -> None:
    assert ping(channel) is grpc.StatusCode.OK
    gate.signal(signal.SIGUSR2)
    gate.wait_for("cannot replace itself", source="stderr")
    assert ping(channel) is grpc.StatusCode.OK
    gate.signal(signal.SIGUSR1)
    gate.wait_for("most recent call first", source="stderr")
    assert ping(channel) is grpc.StatusCode.OK
    assert gate.stop() == 0


def test_sighup_with_a_bad_file_keeps_the_last_good_state(
    gate: Server, channel: grpc.Channel
) -> None:
    (gate.directory / "blrcs.toml").write_text(f'[policies."{PING}"]\nlimit = []\n')
    gate.signal(signal.SIGHUP)
    refusal = gate.wait_for(r"configuration refused.*\n", source="stderr")[0]
    assert "blrcs.toml:2" in refusal
    assert ping(channel) is grpc.StatusCode.OK


def test_a_second_start_keeps_the_data_and_prints_no_password(start: Start) -> None:
    first = start()
    password = first.password
    assert first.stop() == 0
    second = start()
    reply = blrcs("health", second.address, cwd=second.directory)
    assert (reply.returncode, reply.stdout) == (0, "SERVING\n")
    assert sign_in(second, password) is grpc.StatusCode.OK
    assert sign_in(second, "wrong") is grpc.StatusCode.UNAUTHENTICATED
    assert second.stop() == 0
    assert "one-time" not in second.stdout
    assert password not in second.stdout + second.stderr


def sign_in(server: Server, password: str) -> grpc.StatusCode:
    from blrcs.v1 import auth_pb2, auth_pb2_grpc

    request = auth_pb2.SignInRequest(user_id="admin", password=password)
    with grpc.insecure_channel(server.address) as channel:
        try:
            auth_pb2_grpc.AuthServiceStub(channel).SignIn(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def test_the_first_start_tells_what_to_do_next_and_logs_nothing(start: Start) -> None:
    server = start()
    assert server.password
    assert server.address in server.wait_for(r"http://\S+/blrcs.v1.AuthService/SignIn")[0]
    assert server.stop() == 0
    assert server.stderr == "Stopping: accepted calls may finish.\n"


def test_those_who_watch_a_cache_do_not_keep_it_from_ending(start: Start) -> None:
    server = start(
        BLRCS_SERVER__DRAIN_GRACE_S=str(TIMEOUT_S * 10),
        BLRCS_POLICIES='{"/blrcs.v1.CacheService/Watch": {"access": "public"}}',
    )
    with grpc.insecure_channel(server.address) as channel:
        request = cache_pb2.WatchRequest(namespace="n")
        watching = cache_pb2_grpc.CacheServiceStub(channel).Watch(request, timeout=TIMEOUT_S)
        assert next(watching).type == cache_pb2.CACHE_EVENT_TYPE_STARTED
        server.signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as caught:
            next(watching)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert server.wait() == 0
