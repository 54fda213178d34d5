import pytest

from blrcs.database.pool import Pool
from tests.unit.database.pool.world import Connection, Observer, Server, make


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def pool(server: Server, observer: Observer) -> Pool[Connection]:
    """A pool of one connection."""
    return make(server, observer)
