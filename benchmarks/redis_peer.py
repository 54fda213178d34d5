"""redis-server beside CacheService.Get: GET of the same value, one call at a time a connection.

``redis-benchmark`` makes the load without pipelining, as h2load does with one stream a connection.
"""

import csv
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from load import LoadError, run_pinned
from server_process import ServerProcess, running

NEEDS = ("redis-server", "redis-benchmark", "redis-cli")
KEY = "greeting"


def failure() -> str | None:
    """Why it cannot be measured; None where it can."""
    missing = [name for name in NEEDS if shutil.which(name) is None]
    return f"{', '.join(missing)} not installed" if missing else None


def version() -> str:
    said = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True)
    return f"redis {said.stdout.partition('v=')[2].split()[0]}"


@contextmanager
def redis_server(core: int | None, value: bytes) -> Iterator[ServerProcess]:
    """A server in memory alone, with the value in it."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running(command, core=core, port=rf"port=({port})\.") as server:
        set_value(port, value)
        yield server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def set_value(port: int, value: bytes) -> None:
    command = ["redis-cli", "-p", str(port), "SET", KEY, value.decode()]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    if said.stdout.strip() != "OK":
        raise LoadError(said.stdout)


def get_seconds(port: int, connections: int, core: int | None, calls: int, folder: Path) -> float:
    """Seconds that ``calls`` GETs take on so many connections; each must find the value."""
    del folder  # the generator needs no file
    before = hits(port)
    command = ["redis-benchmark", "-p", str(port), "-c", str(connections), "-n", str(calls)]
    output = run_pinned([*command, "-P", "1", "--csv", "GET", KEY], core)
    if hits(port) - before < calls:
        raise LoadError(f"not all of {calls} calls found the value")
    rows = list(csv.DictReader(output.splitlines()))
    return calls / float(rows[0]["rps"])


def hits(port: int) -> int:
    """How many GETs have found the value."""
    command = ["redis-cli", "-p", str(port), "INFO", "stats"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(said.partition("keyspace_hits:")[2].split()[0])
