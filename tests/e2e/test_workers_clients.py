"""Clients in other languages go on while workers are replaced or told anew what to do."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.gate import PING, REGISTER, write_gate
from tests.e2e.server import Server
from tests.e2e.workers import channels_to_all, kill
from tests.interop.programs import loading

STACKS = ("go", "node")
CALLS_AT_ONCE = 4  # as the programs have it
RELOADED = r"(?s)configuration reloaded.*configuration reloaded"


@pytest.fixture
def gate(start: Start, tmp_path: Path) -> Server:
    """Two workers with the gate service alone."""
    write_gate(tmp_path)
    return start("--service", REGISTER, "--no-builtin", "--workers", "2")


@contextmanager
def loaded(stack: str, server: Server) -> Iterator[list[str]]:
    """A client that calls all the time; gives what it has said, once it has ended."""
    said: list[str] = []
    with subprocess.Popen(
        loading(stack, server.address, PING),
        env=os.environ | {"no_proxy": "127.0.0.1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        try:
            said.append(client.stdout.readline())
            yield said
            said += client.communicate()[0].splitlines(keepends=True)
        finally:
            if client.poll() is None:
                client.kill()


@pytest.mark.parametrize("stack", STACKS)
def test_a_rolling_restart_fails_no_call(gate: Server, stack: str) -> None:
    with loaded(stack, gate) as said:
        gate.signal(signal.SIGUSR2)
        gate.wait_for("workers replaced", source="stderr")
    assert said[0] == "answered\n"
    assert [line for line in said[1:] if not line.startswith("calls: ")] == []
    assert len(said) == 2


@pytest.mark.parametrize("stack", STACKS)
def test_a_worker_that_is_killed_fails_no_call_but_those_that_it_had(
    gate: Server, stack: str
) -> None:
    with channels_to_all(gate, 2) as channels, loaded(stack, gate) as said:
        kill(next(iter(channels)))
        gate.wait_for("worker started", source="stderr")
    failed = [line for line in said[1:] if not line.startswith("calls: ")]
    assert len(failed) <= CALLS_AT_ONCE
    assert all("unavailable" in line.lower() for line in failed)
    assert said[0] == "answered\n"


@pytest.mark.parametrize("stack", STACKS)
def test_a_reload_fails_no_call(gate: Server, stack: str) -> None:
    with loaded(stack, gate) as said:
        (gate.directory / "blrcs.toml").write_text('[logging]\nlevel = "debug"\n')
        gate.signal(signal.SIGHUP)
        gate.wait_for(RELOADED, source="stderr")
    assert said[0] == "answered\n"
    assert [line for line in said[1:] if not line.startswith("calls: ")] == []
    assert len(said) == 2
