"""Second factors over a real database: enrolment, sign-in, step-up, and races for one code."""

import asyncio
import base64

import pytest

from blrcs.application.auth.sign_in import CHALLENGE_TTL_NS
from blrcs.domain.errors import NotFoundError, UnauthenticatedError
from blrcs.domain.second_factor import Challenge, TotpSecret
from blrcs.security.totp import STEP_NS
from blrcs.v1 import auth_pb2, credential_pb2, user_pb2
from tests.integration.identity.identity import PASSWORD, call_of
from tests.unit.application.second_factor_fakes import code_at

ADMIN = call_of("users/admin")
CALLERS = 20


class Alice:
    """A user with an authenticator, and what she does with it."""

    def __init__(self, identity, clock):
        self.identity = identity
        self.clock = clock
        self.secret = b""
        self.recovery_codes = []

    async def caller(self, tokens):
        claims = self.identity.verifier.verify(tokens.access_token)
        call = call_of(claims.subject, claims.session_id)
        call.principal.claims = claims
        return call

    async def enrol(self, tokens):
        service, call = self.identity.credential, await self.caller(tokens)
        begun = await service.BeginTotp(credential_pb2.BeginTotpRequest(), call)
        self.secret = base64.b32decode(begun.secret)
        request = credential_pb2.ConfirmTotpRequest(
            enrolment_token=begun.enrolment_token, code=self.code()
        )
        self.recovery_codes = list((await service.ConfirmTotp(request, call)).codes)
        self.clock.advance(2 * STEP_NS)

    def code(self):
        return code_at(self.secret, self.clock())

    async def challenge(self):
        return (await self.identity.sign_in("alice")).challenge

    async def answer(self, token, **proof):
        request = auth_pb2.CompleteSignInRequest(challenge_token=token, **proof)
        return await self.identity.auth.CompleteSignIn(request, call_of())

    async def step_up(self, tokens, **proof):
        request = auth_pb2.StepUpRequest(**proof)
        return (await self.identity.auth.StepUp(request, await self.caller(tokens))).tokens

    async def credentials(self):
        request = credential_pb2.GetCredentialsRequest(name="users/alice/credentials")
        return await self.identity.credential.GetCredentials(request, ADMIN)


@pytest.fixture
async def alice(identity, signed_in, clock):
    alice = Alice(identity, clock)
    await alice.enrol(signed_in.tokens)
    return alice


async def outcomes(*calls):
    """How many calls succeed that are made at once; the others are refused as they should be."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for each in results:
        if isinstance(each, Exception) and not isinstance(each, UnauthenticatedError):
            raise each
    return sum(not isinstance(each, Exception) for each in results)


async def test_sign_in_with_a_code(identity, alice):
    challenge = await alice.challenge()
    assert (challenge.totp, challenge.recovery_code) == (True, True)

    signed_in = await alice.answer(challenge.token, totp_code=alice.code())

    claims = identity.verifier.verify(signed_in.tokens.access_token)
    assert claims.members["acr"] == "aal2"
    assert claims.members["amr"] == ["pwd", "otp", "mfa"]
    assert claims.members["auth_time"] == alice.clock() // 10**9


async def test_a_refreshed_token_says_the_same(identity, alice):
    challenge = await alice.challenge()
    signed_in = await alice.answer(challenge.token, totp_code=alice.code())
    before = identity.verifier.verify(signed_in.tokens.access_token).members
    alice.clock.advance(10 * STEP_NS)

    refreshed = await identity.refresh(signed_in.tokens.refresh_token)

    after = identity.verifier.verify(refreshed.access_token).members
    names = ("acr", "amr", "auth_time")
    assert [after[name] for name in names] == [before[name] for name in names]


async def test_step_up_within_a_session(identity, signed_in, alice):
    assert identity.verifier.verify(signed_in.tokens.access_token).members["acr"] == "aal1"

    tokens = await alice.step_up(signed_in.tokens, totp_code=alice.code())

    claims = identity.verifier.verify(tokens.access_token)
    assert claims.members["acr"] == "aal2"
    assert claims.members["auth_time"] == alice.clock() // 10**9
    assert f"users/alice/sessions/{claims.session_id}" == signed_in.session
    refreshed = await identity.refresh(signed_in.tokens.refresh_token)
    assert identity.verifier.verify(refreshed.access_token).members["acr"] == "aal2"


async def test_one_code_presented_by_many_at_once_succeeds_once(alice):
    tokens = [(await alice.challenge()).token for _ in range(CALLERS)]

    calls = [alice.answer(token, totp_code=alice.code()) for token in tokens]

    assert await outcomes(*calls) == 1


async def test_one_recovery_code_presented_by_many_at_once_succeeds_once(alice):
    tokens = [(await alice.challenge()).token for _ in range(CALLERS)]
    code = alice.recovery_codes[0]

    calls = [alice.answer(token, recovery_code=code) for token in tokens]

    assert await outcomes(*calls) == 1
    assert (await alice.credentials()).recovery_codes_left == 9


async def test_one_challenge_answered_by_many_codes_at_once_is_answered_once(alice):
    token = (await alice.challenge()).token

    calls = [alice.answer(token, recovery_code=code) for code in alice.recovery_codes]

    assert await outcomes(*calls, alice.answer(token, totp_code=alice.code())) == 1
    # What a lost race has presented is not used up.
    assert (await alice.credentials()).recovery_codes_left >= 9


async def test_one_enrolment_confirmed_by_many_at_once_is_confirmed_once(
    identity, signed_in, clock
):
    alice = Alice(identity, clock)
    call = await alice.caller(signed_in.tokens)
    begun = await identity.credential.BeginTotp(credential_pb2.BeginTotpRequest(), call)
    alice.secret = base64.b32decode(begun.secret)
    challenge = await identity.parts.challenges.open(
        begun.enrolment_token, purpose="totp-enrolment"
    )

    stored = [
        identity.second_factors.enrol_totp(
            await totp_of(identity, challenge), recovery_hashes=[bytes([i])], challenge=challenge
        )
        for i in range(CALLERS)
    ]

    assert sum(await asyncio.gather(*stored)) == 1
    assert (await alice.credentials()).recovery_codes_left == 1


async def totp_of(identity, challenge):

    sealed = await identity.parts.sealer.seal(("totp", "alice"), challenge.secret)
    return TotpSecret(user_id="alice", sealed=sealed, last_step=1, create_time_ns=1)


async def test_a_secret_is_nowhere_in_what_is_stored(alice, store):
    stored = await store.content()

    assert alice.secret not in stored
    assert base64.b32encode(alice.secret) not in stored
    for code in alice.recovery_codes:
        assert code.encode() not in stored


async def test_a_deleted_user_leaves_nothing(identity, alice):
    await identity.user.DeleteUser(user_pb2.DeleteUserRequest(name="users/alice"), ADMIN)
    with pytest.raises(NotFoundError):
        await alice.credentials()

    await identity.add_user("alice")

    assert (await identity.sign_in("alice", PASSWORD)).tokens.access_token
    credentials = await alice.credentials()
    assert not credentials.HasField("totp_create_time")
    assert credentials.recovery_codes_left == 0


async def test_a_reset_ends_the_sessions_and_leaves_the_password(identity, signed_in, alice):
    request = credential_pb2.ResetCredentialsRequest(name="users/alice")
    await identity.credential.ResetCredentials(request, ADMIN)

    assert await identity.active(signed_in.tokens.access_token) == [False]
    assert (await identity.sign_in("alice")).tokens.access_token


async def test_another_authenticator_takes_the_place_of_the_first(alice, signed_in):
    first, codes = alice.secret, alice.recovery_codes
    tokens = await alice.step_up(signed_in.tokens, totp_code=alice.code())
    await alice.enrol(tokens)

    challenge = await alice.challenge()
    for proof in ({"totp_code": code_at(first, alice.clock())}, {"recovery_code": codes[0]}):
        with pytest.raises(UnauthenticatedError):
            await alice.answer(challenge.token, **proof)
    assert (await alice.answer(challenge.token, totp_code=alice.code())).session


async def test_what_was_answered_is_forgotten_when_nobody_could_answer_it(identity, alice):
    challenge = Challenge(purpose="", id=bytes(32), expire_time_ns=alice.clock() + 1)
    code = identity.secrets.recovery_hash(alice.recovery_codes[0])
    assert await identity.second_factors.use_recovery_code("alice", code, challenge)
    code = identity.secrets.recovery_hash(alice.recovery_codes[1])
    await identity.purge()
    assert not await identity.second_factors.use_recovery_code("alice", code, challenge)

    alice.clock.advance(CHALLENGE_TTL_NS)
    await identity.purge()

    assert await identity.second_factors.use_recovery_code("alice", code, challenge)
