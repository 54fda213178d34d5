from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.server import Server

Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers in one working directory; the end of the test kills what still runs."""
    servers: list[Server] = []

    def start(*arguments: str | Path, log: IO[bytes] | None = None, **environ: str) -> Server:
        servers.append(Server(tmp_path, arguments, environ, log))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def server(start: Start) -> Server:
    """The built-in services."""
    return start()
