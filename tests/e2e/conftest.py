import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import grpc
import pytest

from tests.e2e.server import Server, leave_data
from tests.e2e.workers import Metadata, administrator, channels_to_all, start_two_workers

Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers in one working directory; the end of the test kills what still runs."""
    with ExitStack() as stack:

        def start(*arguments: str | Path, log: IO[bytes] | None = None, **environ: str) -> Server:
            server = Server(tmp_path, arguments, environ, log)
            stack.callback(server.kill)
            return server

        yield start


@pytest.fixture
def server(start: Start) -> Server:
    """The built-in services."""
    return start()


@pytest.fixture(scope="session")
def data_of_another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server with the built-in services that has been, to be copied."""
    return leave_data(tmp_path_factory.mktemp("been"))


@pytest.fixture
def data(data_of_another: Path, tmp_path: Path) -> Path:
    """The same, of a server whose working directory is the test's."""
    return Path(shutil.copytree(data_of_another, tmp_path / "data"))


@pytest.fixture
def worker_settings() -> dict[str, str]:
    """What the environment of ``workers`` has beside; a module puts its own in this place."""
    return {}


@pytest.fixture
def workers(start: Start, tmp_path: Path, worker_settings: dict[str, str]) -> Server:
    """Two workers with all services."""
    return start_two_workers(start, tmp_path, **worker_settings)


@pytest.fixture
def channels(workers: Server) -> Iterator[list[grpc.Channel]]:
    """One to each of the two workers."""
    with channels_to_all(workers, 2) as found:
        yield list(found.values())


@pytest.fixture
def admin(channels: list[grpc.Channel]) -> Metadata:
    """The metadata of an administrator at both workers."""
    return administrator(channels)
