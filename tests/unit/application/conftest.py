import pytest

from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator
from tests.unit.application.identity_fakes import (
    FakeApiKeys,
    FakeClock,
    FakeHasher,
    FakeIssuer,
    FakeServiceAccounts,
    FakeSessions,
    FakeThrottle,
    counting_random,
    make_user,
)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def hasher():
    return FakeHasher()


@pytest.fixture
def throttle():
    return FakeThrottle()


@pytest.fixture
def issuer():
    return FakeIssuer()


@pytest.fixture
def secrets():
    return RandomSecretGenerator(counting_random())


@pytest.fixture
def page_tokens():
    return SignedPageTokens(bytes(32))


@pytest.fixture
def sessions():
    return FakeSessions()


@pytest.fixture
def users(sessions):
    return sessions.users


@pytest.fixture
def alice(users):
    users.rows["alice"] = make_user()
    return users.rows["alice"]


@pytest.fixture
def accounts():
    return FakeServiceAccounts()


@pytest.fixture
def api_keys(accounts):
    return FakeApiKeys(accounts)
