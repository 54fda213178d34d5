from types import SimpleNamespace

import pytest

from blrcs.application.auth.begin_passkey_sign_in import BeginPasskeySignIn
from blrcs.application.auth.complete_sign_in import CompleteSignIn
from blrcs.application.auth.open_session import OpenSession
from blrcs.application.auth.refresh import Refresh
from blrcs.application.auth.sign_in import SignIn
from blrcs.application.auth.step_up import StepUp
from blrcs.domain.second_factor import Challenge, Passkey
from blrcs.domain.session import SessionLifetime
from tests.unit.application.enrolment import enrol
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS


@pytest.fixture
def lifetime():
    return SessionLifetime(refresh_ns=60 * MINUTE_NS, total_ns=100 * MINUTE_NS)


@pytest.fixture
def open_session(sessions, secrets, issuer, lifetime, clock):
    return OpenSession(
        sessions=sessions, secrets=secrets, tokens=issuer, lifetime=lifetime, clock=clock
    )


@pytest.fixture
def sign_in(
    prove_password,
    users,
    hasher,
    second_factors,
    ceremonies,
    challenges,
    open_session,
    secrets,
    clock,
):
    return SignIn(
        prove_password=prove_password,
        users=users,
        hasher=hasher,
        second_factors=second_factors,
        ceremonies=ceremonies,
        challenges=challenges,
        open_session=open_session,
        secrets=secrets,
        clock=clock,
    )


@pytest.fixture
def complete(challenges, users, prove_second_factor, prove_passkey, open_session, clock):
    return CompleteSignIn(
        challenges=challenges,
        users=users,
        prove_second_factor=prove_second_factor,
        prove_passkey=prove_passkey,
        open_session=open_session,
        clock=clock,
    )


@pytest.fixture
def step_up(
    prove_password,
    prove_second_factor,
    prove_passkey,
    challenges,
    users,
    sessions,
    second_factors,
    issuer,
    clock,
):
    return StepUp(
        prove_password=prove_password,
        prove_second_factor=prove_second_factor,
        prove_passkey=prove_passkey,
        challenges=challenges,
        users=users,
        sessions=sessions,
        second_factors=second_factors,
        tokens=issuer,
        clock=clock,
    )


@pytest.fixture
def refresh(sessions, secrets, issuer, lifetime, clock):
    return Refresh(
        sessions=sessions, secrets=secrets, tokens=issuer, lifetime=lifetime, clock=clock
    )


@pytest.fixture
async def enrolled(alice, second_factors, codes, sealer, secrets, clock):
    """Alice's authenticator: its ``secret``, and her recovery ``codes``."""
    secret, recovery = await enrol(second_factors, codes, sealer, secrets, clock)
    return SimpleNamespace(secret=secret, codes=recovery)


@pytest.fixture
def begin(ceremonies, challenges, secrets, clock):
    return BeginPasskeySignIn(
        ceremonies=ceremonies, challenges=challenges, secrets=secrets, clock=clock
    )


@pytest.fixture
def register(ceremonies, second_factors):
    async def register(authenticator, user_id="alice"):
        options = ceremonies.creation_options(user_id, bytes(32), excluded=[])
        made = ceremonies.new_credential(authenticator.create(options), bytes(32))
        passkey = Passkey(
            id="p",
            user_id=user_id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            create_time_ns=NOW_NS,
        )
        challenge = Challenge(purpose="", id=made.credential_id, expire_time_ns=0)
        await second_factors.add_passkey(passkey, recovery_hashes=[], challenge=challenge)
        return passkey

    return register
