"""Proving anew who one is, within a session."""

from dataclasses import replace

import pytest

from blrcs.domain.authentication import Authentication, AuthenticationLevel, by_password
from blrcs.domain.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    ResourceExhaustedError,
    UnauthenticatedError,
)
from blrcs.domain.second_factor import FactorProof
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS
from tests.unit.application.second_factor_fakes import code_at

NOTHING = FactorProof()


@pytest.fixture
async def session(sign_in, alice, clock):
    """Alice's session, opened by her password ten minutes ago."""
    signed_in = await sign_in("alice", "correct horse")
    clock.advance(10 * MINUTE_NS)
    return signed_in.session


@pytest.fixture
def prove(step_up, session):
    async def prove(*, password="", proof=NOTHING, actor="users/alice", session_id=session.id):
        return await step_up(actor, session_id, password=password, proof=proof, address="192.0.2.1")

    return prove


def totp(enrolled, clock):
    return FactorProof(totp_code=code_at(enrolled.secret, clock()))


async def test_a_password_makes_the_proof_fresh(prove, session, sessions, issuer, clock, refresh):
    tokens = await prove(password="correct horse")

    assert sessions.rows[session.id].authentication == by_password(clock())
    principal, session_id, details = issuer.issued[-1]
    assert (principal, session_id) == ("users/alice", session.id)
    assert details["authentication"] == by_password(NOW_NS + 10 * MINUTE_NS)
    assert details["not_after_ns"] == session.end_time_ns
    assert tokens.access.text
    assert not tokens.refresh_token


async def test_a_code_makes_the_session_a_multi_factor_one(
    prove, enrolled_later, session, sessions, clock
):
    await prove(proof=totp(enrolled_later, clock))

    assert sessions.rows[session.id].authentication == Authentication(
        level=AuthenticationLevel.MULTI_FACTOR,
        methods=("pwd", "otp", "mfa"),
        time_ns=clock(),
    )


@pytest.fixture
async def enrolled_later(session, enrolled):
    """Her authenticator, which she enrolled in another session after this one was opened."""
    return enrolled


async def test_a_refreshed_token_says_what_was_proven_last(
    sign_in, step_up, refresh, alice, clock, issuer
):
    signed_in = await sign_in("alice", "correct horse")
    clock.advance(MINUTE_NS)
    await step_up(
        "users/alice", signed_in.session.id, password="correct horse", proof=NOTHING, address=""
    )
    clock.advance(MINUTE_NS)

    await refresh(signed_in.tokens.refresh_token)

    assert issuer.issued[-1][2]["authentication"] == by_password(NOW_NS + MINUTE_NS)


async def test_the_password_does_not_do_for_a_user_with_a_second_factor(
    prove, enrolled_later, session, sessions
):
    with pytest.raises(FailedPreconditionError) as caught:
        await prove(password="correct horse")

    assert caught.value.reason == "SECOND_FACTOR_REQUIRED"
    assert sessions.rows[session.id].authentication == by_password(NOW_NS)


async def test_wrong_proofs_are_refused_and_change_nothing(
    prove, enrolled_later, session, sessions, clock
):
    wrong = FactorProof(recovery_code="x")
    for password, proof in (("wrong", totp(enrolled_later, clock)), ("correct horse", wrong)):
        with pytest.raises(UnauthenticatedError):
            await prove(password=password, proof=proof)

    assert sessions.rows[session.id].authentication == by_password(NOW_NS)


async def test_a_code_is_not_used_up_by_a_wrong_password(prove, enrolled_later, clock):
    with pytest.raises(UnauthenticatedError):
        await prove(password="wrong", proof=totp(enrolled_later, clock))

    assert await prove(password="correct horse", proof=totp(enrolled_later, clock))


async def test_no_proof_is_no_step_up(prove):
    with pytest.raises(InvalidArgumentError):
        await prove()


async def test_guesses_of_the_password_are_throttled(prove, throttle):
    for _ in range(throttle.failures):
        with pytest.raises(UnauthenticatedError):
            await prove(password="wrong")

    with pytest.raises(ResourceExhaustedError):
        await prove(password="correct horse")


@pytest.mark.parametrize(
    ("actor", "session_id"), [("users/alice", ""), ("serviceAccounts/robot", "s")]
)
async def test_a_token_without_a_session_cannot_step_up(prove, actor, session_id):
    with pytest.raises(FailedPreconditionError) as caught:
        await prove(password="correct horse", actor=actor, session_id=session_id)

    assert caught.value.reason == "NO_SESSION"


async def test_a_session_is_never_made_weaker(prove, session, sessions):
    strong = Authentication(level=AuthenticationLevel.PHISHING_RESISTANT, time_ns=NOW_NS)
    sessions.rows[session.id] = replace(session, authentication=strong)

    with pytest.raises(FailedPreconditionError) as caught:
        await prove(password="correct horse")

    assert caught.value.reason == "STEP_UP_TOO_WEAK"
    assert sessions.rows[session.id].authentication == strong


async def test_nobody_steps_up_in_the_session_of_somebody_else(prove, sessions, session, issuer):
    sessions.rows[session.id] = replace(session, user_id="bob")

    with pytest.raises(FailedPreconditionError):
        await prove(password="correct horse")

    assert len(issuer.issued) == 1
