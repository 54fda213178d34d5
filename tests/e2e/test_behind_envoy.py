"""A server behind Envoy: what its clients see of restarts, rolling ones and others."""

import signal
from pathlib import Path

import grpc

from tests.e2e.conftest import Start
from tests.e2e.gate import REGISTER, write_gate
from tests.e2e.server import Server
from tests.e2e.workers import OPTIONS, ping, pinged, until
from tests.servers.envoy import envoy

OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE


def port_of(server: Server) -> int:
    return int(server.address.rpartition(":")[2])


def test_a_rolling_restart_is_not_seen(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path)
    gate = start("--service", REGISTER, "--workers", "2")
    with envoy(port_of(gate), checked=True) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        with grpc.insecure_channel(address, OPTIONS) as channel:
            until(lambda: ping(channel)[0] is OK)
        with pinged(address) as codes:
            gate.signal(signal.SIGUSR2)
            gate.wait_for("workers replaced", source="stderr")
        assert set(codes) == {OK}


def test_nothing_is_passed_on_to_a_server_that_is_not_there(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path)
    gate = start("--service", REGISTER)
    port = port_of(gate)
    with (
        envoy(port, checked=True) as proxy,
        grpc.insecure_channel(f"127.0.0.1:{proxy.port}", OPTIONS) as channel,
    ):
        until(lambda: ping(channel)[0] is OK)
        assert gate.stop() == 0
        until(lambda: ping(channel)[0] is UNAVAILABLE)
        start("--service", REGISTER, "--port", str(port)).address  # noqa: B018 - waits for it
        until(lambda: ping(channel)[0] is OK)
