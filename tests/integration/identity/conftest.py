import pytest

from tests.integration.identity.identity import Identity
from tests.unit.application.identity_fakes import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def identity(store, clock):
    async with Identity.open(store, clock) as identity:
        yield identity


@pytest.fixture
async def signed_in(identity):
    """Alice, signed in once."""
    await identity.add_user("alice")
    return await identity.sign_in("alice")
