import pytest

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
