"""Signing in, and stepping up, with a passkey."""

import json
from dataclasses import replace

import pytest

from blrcs.application.auth.sign_in import CHALLENGE_TTL_NS
from blrcs.domain.authentication import Authentication, AuthenticationLevel
from blrcs.domain.errors import (
    InvalidArgumentError,
    ResourceExhaustedError,
    UnauthenticatedError,
)
from blrcs.domain.second_factor import FactorProof
from tests.authenticator import Authenticator, base64url
from tests.unit.application.identity_fakes import NOW_NS

HOME = "192.0.2.1"
PHISHING_RESISTANT = AuthenticationLevel.PHISHING_RESISTANT


@pytest.fixture
def authenticator():
    return Authenticator()


@pytest.fixture
async def registered(alice, authenticator, register):
    """Alice's passkey."""
    return await register(authenticator)


async def refusal_of(complete, challenge, response):
    with pytest.raises(UnauthenticatedError) as caught:
        await complete(challenge, FactorProof(passkey=response), address=HOME)
    return caught.value.reason


async def test_a_passkey_signs_in_by_itself(
    begin, complete, registered, authenticator, second_factors
):
    asked = await begin()
    proof = FactorProof(passkey=authenticator.get(asked.options))

    signed_in = await complete(asked.challenge, proof, address=HOME, display_name="laptop")

    assert asked.ttl_ns == CHALLENGE_TTL_NS
    session = signed_in.session
    assert (session.user_id, session.display_name) == ("alice", "laptop")
    assert session.authentication == Authentication(
        level=PHISHING_RESISTANT, methods=("hwk", "mfa"), time_ns=NOW_NS
    )
    used = second_factors.passkeys[registered.credential_id]
    assert (used.sign_count, used.use_time_ns) == (1, NOW_NS)


async def test_it_answers_for_a_password_too(sign_in, complete, registered, authenticator):
    asked = await sign_in("alice", "correct horse", display_name="phone")
    allowed = json.loads(asked.passkey_options)["allowCredentials"]
    assert [each["id"] for each in allowed] == [base64url(registered.credential_id)]

    proof = FactorProof(passkey=authenticator.get(asked.passkey_options))
    signed_in = await complete(asked.challenge, proof, address=HOME)

    assert signed_in.session.display_name == "phone"
    assert signed_in.session.authentication.methods == ("pwd", "hwk", "mfa")


async def test_a_challenge_is_answered_once(begin, complete, registered, authenticator):
    asked = await begin()
    response = authenticator.get(asked.options)
    await complete(asked.challenge, FactorProof(passkey=response), address=HOME)

    assert await refusal_of(complete, asked.challenge, response) == "PASSKEY_INVALID"
    again = authenticator.get(asked.options)
    assert await refusal_of(complete, asked.challenge, again) == "PASSKEY_INVALID"


async def test_the_answer_belongs_to_the_challenge(begin, complete, registered, authenticator):
    one, other = await begin(), await begin()

    response = authenticator.get(one.options)

    assert await refusal_of(complete, other.challenge, response) == "PASSKEY_INVALID"


async def test_a_copy_of_the_authenticator_is_refused(begin, complete, registered, authenticator):
    asked = await begin()
    await complete(
        asked.challenge, FactorProof(passkey=authenticator.get(asked.options)), address=HOME
    )
    authenticator.count = 0
    asked = await begin()

    response = authenticator.get(asked.options)

    assert await refusal_of(complete, asked.challenge, response) == "PASSKEY_INVALID"


async def test_an_unknown_passkey_is_refused(begin, complete, registered):
    asked = await begin()
    stranger = Authenticator()

    response = stranger.get(asked.options)

    assert await refusal_of(complete, asked.challenge, response) == "PASSKEY_INVALID"


async def test_somebody_elses_passkey_does_not_stand_in_for_a_second_factor(
    sign_in, complete, registered, authenticator, second_factors, users, alice, enrolled
):
    second_factors.passkeys[registered.credential_id] = replace(registered, user_id="bob")
    asked = await sign_in("alice", "correct horse")
    challenge = await complete._challenges.open(asked.challenge, purpose="sign-in")
    options = complete._prove_passkey._ceremonies.request_options(challenge.id)

    response = authenticator.get(options)

    assert await refusal_of(complete, asked.challenge, response) == "PASSKEY_INVALID"


async def test_a_code_does_not_answer_where_nobody_is_known(begin, complete, enrolled):
    asked = await begin()

    with pytest.raises(InvalidArgumentError):
        await complete(asked.challenge, FactorProof(recovery_code=enrolled.codes[0]), address=HOME)


async def test_a_disabled_user_gets_no_session(
    begin, complete, registered, authenticator, users, alice, sessions
):
    users.rows["alice"] = replace(alice, disabled=True)
    asked = await begin()

    response = authenticator.get(asked.options)

    assert await refusal_of(complete, asked.challenge, response) == "CREDENTIALS_INVALID"
    assert not sessions.rows


async def test_a_passkey_works_however_many_passwords_were_guessed(
    begin, complete, registered, authenticator, sign_in, throttle
):
    for _ in range(throttle.failures):
        with pytest.raises(UnauthenticatedError):
            await sign_in("alice", "wrong")
    with pytest.raises(ResourceExhaustedError):
        await sign_in("alice", "correct horse")
    asked = await begin()

    proof = FactorProof(passkey=authenticator.get(asked.options))

    assert (await complete(asked.challenge, proof, address=HOME)).session


async def test_a_passkey_makes_a_session_phishing_resistant(
    begin, sign_in, step_up, alice, sessions, authenticator, register
):
    signed_in = await sign_in("alice", "correct horse")
    await register(authenticator)
    asked = await begin()

    await step_up(
        "users/alice",
        signed_in.session.id,
        password="",
        proof=FactorProof(passkey=authenticator.get(asked.options)),
        address=HOME,
        challenge=asked.challenge,
    )

    authentication = sessions.rows[signed_in.session.id].authentication
    assert authentication.level == PHISHING_RESISTANT


async def test_somebody_elses_passkey_is_no_step_up(
    begin, sign_in, step_up, alice, authenticator, register, sessions
):
    signed_in = await sign_in("alice", "correct horse")
    await register(authenticator, "bob")
    asked = await begin()

    with pytest.raises(UnauthenticatedError):
        await step_up(
            "users/alice",
            signed_in.session.id,
            password="",
            proof=FactorProof(passkey=authenticator.get(asked.options)),
            address=HOME,
            challenge=asked.challenge,
        )
