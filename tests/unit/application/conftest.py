import pytest

from blrcs.application.auth.prove_passkey import ProvePasskey
from blrcs.application.auth.prove_password import ProvePassword
from blrcs.application.auth.prove_second_factor import ProveSecondFactor
from blrcs.security.challenges import SealedChallenges
from blrcs.security.derived_sealer import DerivedSealer
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.passkeys import WebAuthnCeremonies
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.security.totp import Rfc6238Codes
from tests.authenticator import ORIGIN, RP_ID
from tests.unit.application.identity_fakes import (
    FakeApiKeys,
    FakeClock,
    FakeHasher,
    FakeIssuer,
    FakeRules,
    FakeServiceAccounts,
    FakeSessions,
    FakeThrottle,
    counting_random,
    make_user,
)
from tests.unit.application.second_factor_fakes import FakeSecondFactors


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def hasher():
    return FakeHasher()


@pytest.fixture
def rules():
    return FakeRules()


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


@pytest.fixture
def second_factors(sessions):
    return FakeSecondFactors(sessions)


@pytest.fixture
def codes():
    return Rfc6238Codes(issuer="blrcs", random=counting_random())


@pytest.fixture
def sealer():
    async def master():
        return bytes(32)

    return DerivedSealer(master, purpose="tests", random=counting_random())


@pytest.fixture
def challenges(sealer, clock):
    return SealedChallenges(sealer, clock)


@pytest.fixture
def ceremonies():
    return WebAuthnCeremonies(rp_id=RP_ID, rp_name="tests", origins=[ORIGIN])


@pytest.fixture
def prove_passkey(second_factors, ceremonies, clock):
    return ProvePasskey(second_factors=second_factors, ceremonies=ceremonies, clock=clock)


@pytest.fixture
def factor_throttle():
    return FakeThrottle()


@pytest.fixture
def prove_password(users, sessions, hasher, throttle, clock):
    return ProvePassword(
        users=users, sessions=sessions, hasher=hasher, throttle=throttle, clock=clock
    )


@pytest.fixture
def prove_second_factor(second_factors, codes, sealer, secrets, factor_throttle, clock):
    return ProveSecondFactor(
        second_factors=second_factors,
        codes=codes,
        sealer=sealer,
        secrets=secrets,
        throttle=factor_throttle,
        clock=clock,
    )
