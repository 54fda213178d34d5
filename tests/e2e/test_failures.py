"""A server that cannot start says why in one line, and ends with a code other than 0."""

import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.gate import PING, REGISTER, open_gate, write_gate
from tests.e2e.server import START_TIMEOUT_S, blrcs, environment

MISSING = ""
MAX_LINE = 400


def refusal(*arguments: str | Path, cwd: Path, **environ: str) -> str:
    """The one line on standard error of a ``blrcs serve`` that has to fail."""
    port = () if "--port" in arguments else ("--port", "0")
    result = blrcs("serve", *port, *arguments, cwd=cwd, environ=environ)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    assert len(result.stderr) < MAX_LINE
    assert result.stdout == ""
    return result.stderr.removesuffix("\n")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# The data directory --------------------------------------------------------------------------


def test_a_data_directory_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal("--data", "file/data", cwd=tmp_path)
    assert said == "blrcs: file/data: cannot be written: Not a directory"


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refusal("--data", "file", cwd=tmp_path) == "blrcs: file: is not a directory"


def test_a_data_directory_on_a_file_system_that_takes_no_files(tmp_path: Path) -> None:
    assert refusal("--data", "/proc/data", cwd=tmp_path).startswith("blrcs: /proc/data: cannot be")


def test_a_second_start_on_the_same_directory(start: Start, tmp_path: Path) -> None:
    first = start()
    assert first.address
    said = refusal(cwd=tmp_path)
    assert said == f"blrcs: data: is in use by another server (process {first.process_id})"
    assert blrcs("health", first.address, cwd=tmp_path).stdout == "SERVING\n"
    assert first.stop() == 0


def test_a_database_that_another_program_has_locked(data: Path) -> None:
    with closing(sqlite3.connect(data / "blrcs.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        said = refusal(cwd=data.parent)
    assert said == "blrcs: data/blrcs.db: another process has locked the database"


def test_a_file_that_is_no_database(data: Path) -> None:
    (data / "blrcs.db").write_bytes(b"not a database " * 1000)
    said = refusal(cwd=data.parent)
    assert said.startswith("blrcs: data/blrcs.db: is damaged or not a database")


def test_a_database_with_a_damaged_page(data: Path) -> None:
    content = bytearray((data / "blrcs.db").read_bytes())
    content[8192:16384] = b"\xff" * 8192
    (data / "blrcs.db").write_bytes(content)
    assert refusal(cwd=data.parent).startswith("blrcs: data/blrcs.db: is damaged")


def test_the_database_of_a_newer_version(data: Path) -> None:
    with closing(sqlite3.connect(data / "blrcs.db", isolation_level=None)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer version" in refusal(cwd=data.parent)


def test_a_signing_key_that_others_can_read(data: Path) -> None:
    (data / "signing_key.pem").chmod(0o644)
    said = refusal(cwd=data.parent)
    assert said.startswith("blrcs: data/signing_key.pem: ")
    (data / "signing_key.pem").chmod(0o600)


def test_a_signing_key_that_is_none(data: Path) -> None:
    (data / "signing_key.pem").write_text("not a key")
    said = refusal(cwd=data.parent)
    assert said.startswith("blrcs: data/signing_key.pem: ")
    assert "not a key" not in said.removeprefix("blrcs: data/signing_key.pem: ")


# The system ----------------------------------------------------------------------------------


def serve_within(limit: str, workers: int, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What becomes of a server for which `ulimit` sets a limit."""
    serve = f'exec "{sys.executable}" -m blrcs serve --port 0 --workers {workers}'
    return subprocess.run(
        ["/bin/sh", "-c", f"ulimit {limit}; {serve}"],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )


def test_memory_that_the_system_does_not_give(tmp_path: Path) -> None:
    result = serve_within("-f 4096", 2, tmp_path)
    assert result.returncode == 1
    said = r"blrcs: \d+ MiB of memory for all workers cannot be had: File too large\n"
    assert re.fullmatch(said, result.stderr)


@pytest.mark.parametrize(("workers", "files", "needed"), [(1, 12, 64), (2, 79, 80)])
def test_files_that_may_not_be_opened(
    tmp_path: Path, workers: int, files: int, needed: int
) -> None:
    result = serve_within(f"-n {files}", workers, tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"blrcs: only {files} files may be open at once: a server needs {needed} (ulimit -n)\n"
    )


# Addresses -----------------------------------------------------------------------------------


def test_a_port_in_use(taken_port: int, tmp_path: Path) -> None:
    said = refusal("--port", str(taken_port), cwd=tmp_path)
    assert said == (
        f"blrcs: cannot listen on 127.0.0.1:{taken_port}: it is in use; --port, or server.port,"
        " chooses another"
    )


def test_the_port_of_another_server(start: Start, tmp_path: Path) -> None:
    port = start().address.rpartition(":")[2]
    said = refusal("--port", port, "--data", "other", cwd=tmp_path)
    assert said.startswith(f"blrcs: cannot listen on 127.0.0.1:{port}: ")


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    said = refusal("--host", "192.0.2.1", cwd=tmp_path)
    assert said == ("blrcs: cannot listen on 192.0.2.1:0: it is not an address of this machine")


def test_a_metrics_port_in_use(taken_port: int, tmp_path: Path) -> None:
    said = refusal(cwd=tmp_path, BLRCS_METRICS__PORT=str(taken_port))
    assert said == (
        f"blrcs: cannot listen on 127.0.0.1:{taken_port} for metrics: it is in use;"
        " metrics.port, or BLRCS_METRICS__PORT, chooses another"
    )


def test_a_failed_start_spends_no_password(taken_port: int, start: Start, tmp_path: Path) -> None:
    """What was never shown must not be the administrator's."""
    refusal("--port", str(taken_port), cwd=tmp_path)
    refusal(cwd=tmp_path, BLRCS_METRICS__PORT=str(taken_port))
    server = start()
    assert server.password
    assert server.stop() == 0


# Configuration -------------------------------------------------------------------------------


def test_a_wrong_value_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "blrcs.toml").write_text("[server]\ndrain_grace_s = 'x'\n")
    assert refusal(cwd=tmp_path).startswith("blrcs.toml:2: server.drain_grace_s: ")


def test_an_unknown_key_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "blrcs.toml").write_text("[server]\nprot = 1\n")
    said = refusal(cwd=tmp_path)
    assert said == "blrcs.toml:2: server.prot: is unknown; is port meant?"


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "blrcs.toml").write_text("[server\n")
    assert refusal(cwd=tmp_path).startswith("blrcs.toml:1: ")


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    assert "absent.toml" in refusal("--config", "absent.toml", cwd=tmp_path)


def test_a_policy_for_a_method_that_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "blrcs.toml").write_text('[policies."/no.Service/Method"]\naudit = "call"\n')
    said = refusal(cwd=tmp_path)
    assert said == "blrcs: /no.Service/Method names no method that is served"


# Services ------------------------------------------------------------------------------------


def test_a_service_of_an_unknown_module(tmp_path: Path) -> None:
    said = refusal("--service", "nowhere:register", cwd=tmp_path)
    assert said == (
        "blrcs: service nowhere:register: No module named 'nowhere':"
        f" it is not below {tmp_path}, and not installed"
    )


def test_a_service_of_an_unknown_function(tmp_path: Path) -> None:
    write_gate(tmp_path)
    said = refusal("--service", "gate_service:nothing", cwd=tmp_path)
    assert said.startswith("blrcs: service gate_service:nothing: ")
    assert "has no attribute 'nothing'" in said


def test_a_service_that_is_no_function(tmp_path: Path) -> None:
    (tmp_path / "thing.py").write_text("register = 7\n")
    said = refusal("--service", "thing:register", cwd=tmp_path)
    assert said == "blrcs: service thing:register is not a function of a server"


def test_a_service_reference_without_a_function(tmp_path: Path) -> None:
    assert "services.extra" in refusal("--service", "nowhere", cwd=tmp_path)


FAILING_START = """
async def start():
    raise ValueError("at the start")

def register(server, resources):
    resources.on_start(start)
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("register = (\n", "SyntaxError"),
        ("raise RuntimeError('at import')\n", "RuntimeError: at import"),
        ("def register(server):\n    raise ValueError('at work')\n", "ValueError: at work"),
        ("def register():\n    pass\n", "TypeError"),
        (FAILING_START, "ValueError: at the start"),
    ],
)
def test_a_service_that_fails(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(text)
    said = refusal("--service", "broken:register", cwd=tmp_path)
    assert said.startswith("blrcs: service broken:register: ")
    assert reason in said


@pytest.mark.parametrize("command", ["serve", "policy"])
def test_a_method_without_a_policy(command: str, tmp_path: Path) -> None:
    write_gate(tmp_path, ping_policy=MISSING)
    arguments = ("--port", "0") if command == "serve" else ()
    result = blrcs(command, *arguments, "--service", REGISTER, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"blrcs: {PING} states no policy: ")
    assert result.stderr.count("\n") == 1


def test_a_method_whose_policy_the_configuration_states(start: Start, tmp_path: Path) -> None:
    write_gate(tmp_path, ping_policy=MISSING)
    (tmp_path / "blrcs.toml").write_text(f'[policies."{PING}"]\naccess = "public"\n')
    server = start("--service", REGISTER, "--no-builtin")
    assert server.address
    open_gate(tmp_path)
    assert server.stop() == 0


def test_a_method_whose_policy_cannot_be_carried_out(tmp_path: Path) -> None:
    wrong = 'option (blrcs.v1.policy) = {permission: {name: "a.b" resource: "a/{nothing}"}};'
    write_gate(tmp_path, ping_policy=wrong)
    said = refusal("--service", REGISTER, cwd=tmp_path)
    assert said.startswith(f"blrcs: {PING}: ")
    assert "nothing" in said


# The first user ------------------------------------------------------------------------------


def test_a_first_password_that_is_guessed_first(start: Start, tmp_path: Path) -> None:
    said = refusal(cwd=tmp_path, BLRCS_AUTH__INITIAL_ADMIN_PASSWORD="password1")
    assert "auth.initial_admin_password: is among the passwords that are guessed first" in said
    assert "password1" not in said
    server = start()
    assert server.password
