import pytest

from blrcs.database.repositories import index_builds
from tests.integration.records.world import World
from tests.unit.application.identity_fakes import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def world(store, clock):
    async with World.open(store, clock) as world:
        await world.collection()
        yield world


@pytest.fixture
def small_steps(monkeypatch):
    """An index is built and dropped in many steps, though there are few records."""
    monkeypatch.setattr(index_builds, "FILLED_AT_ONCE", 7)
    monkeypatch.setattr(index_builds, "DROPPED_AT_ONCE", 11)
