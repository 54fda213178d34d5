from collections.abc import Iterator

import pytest

from tests.attacks.tenants import tenants
from tests.attacks.world import World, world
from tests.transports import TRANSPORTS

__all__ = ["attacked", "tenants", "unharmed"]


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
