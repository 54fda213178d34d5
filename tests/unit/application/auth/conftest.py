import pytest

from blrcs.application.auth.prove_password import ProvePassword
from blrcs.application.auth.refresh import Refresh
from blrcs.application.auth.sign_in import SignIn
from blrcs.domain.session import SessionLifetime
from tests.unit.application.identity_fakes import MINUTE_NS


@pytest.fixture
def lifetime():
    return SessionLifetime(refresh_ns=60 * MINUTE_NS, total_ns=100 * MINUTE_NS)


@pytest.fixture
def prove_password(users, sessions, hasher, throttle, clock):
    return ProvePassword(
        users=users, sessions=sessions, hasher=hasher, throttle=throttle, clock=clock
    )


@pytest.fixture
def sign_in(prove_password, sessions, hasher, secrets, issuer, lifetime, clock):
    return SignIn(
        prove_password=prove_password,
        sessions=sessions,
        hasher=hasher,
        secrets=secrets,
        tokens=issuer,
        lifetime=lifetime,
        clock=clock,
    )


@pytest.fixture
def refresh(sessions, secrets, issuer, lifetime, clock):
    return Refresh(
        sessions=sessions, secrets=secrets, tokens=issuer, lifetime=lifetime, clock=clock
    )
