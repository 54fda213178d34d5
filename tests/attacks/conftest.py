from collections.abc import Iterator

import pytest

from tests.attacks.clocked import Clocked, clocked_world
from tests.attacks.tenants import tenants
from tests.attacks.world import World, world
from tests.e2e.gate import REGISTER, write_gate
from tests.transports import TRANSPORTS

__all__ = ["attacked", "clocked", "tenants", "unharmed", "workers"]


@pytest.fixture(scope="session", params=TRANSPORTS)
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One for all tests that leave it as it was."""
    with world(tmp_path_factory.mktemp("attacked"), request.param) as started:
        yield started


@pytest.fixture
def unharmed(attacked: World) -> Iterator[World]:
    """The same, for a test after which nothing may have changed."""
    before = attacked.state()
    yield attacked
    assert attacked.state() == before


@pytest.fixture(scope="session", params=TRANSPORTS)
def workers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One of two workers, who may be others after each test, and say which they are."""
    directory = tmp_path_factory.mktemp("workers")
    write_gate(directory)
    with world(directory, request.param, "--service", REGISTER, "--workers", "2") as started:
        yield started


@pytest.fixture(scope="session", params=TRANSPORTS)
def clocked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clocked]:
    """One for all tests of what goes by a clock."""
    with clocked_world(tmp_path_factory.mktemp("clocked"), request.param) as started:
        yield started
