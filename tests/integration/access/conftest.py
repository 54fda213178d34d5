import pytest

from tests.integration.access.access import AccessServer
from tests.unit.application.identity_fakes import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def access(store, clock):
    async with AccessServer.open(store, clock) as access:
        yield access
