"""Signing in with a second factor."""

from dataclasses import replace

import pytest

from blrcs.application.auth.sign_in import CHALLENGE_TTL_NS, SecondFactorRequired
from blrcs.domain.authentication import Authentication, AuthenticationLevel
from blrcs.domain.errors import (
    FailedPreconditionError,
    ResourceExhaustedError,
    UnauthenticatedError,
)
from blrcs.domain.second_factor import Challenge, FactorProof
from blrcs.security.totp import STEP_NS
from tests.unit.application.identity_fakes import NOW_NS
from tests.unit.application.second_factor_fakes import code_at

HOME = "192.0.2.1"


@pytest.fixture
async def asked(sign_in, enrolled):
    return await sign_in("alice", "correct horse", display_name="phone", address=HOME)


def totp(enrolled, *, beside=0):
    return FactorProof(totp_code=code_at(enrolled.secret, NOW_NS, beside=beside))


async def refusal_of(complete, challenge, proof):
    with pytest.raises(UnauthenticatedError) as caught:
        await complete(challenge, proof, address=HOME)
    return caught.value.reason


async def test_the_password_alone_opens_no_session(asked, sessions, issuer):
    assert isinstance(asked, SecondFactorRequired)
    assert (asked.ttl_ns, asked.factors.totp is not None) == (CHALLENGE_TTL_NS, True)
    assert asked.factors.recovery_codes_left == 2
    assert not sessions.rows
    assert not issuer.issued


async def test_a_wrong_password_is_refused_as_without_a_second_factor(sign_in, enrolled):
    with pytest.raises(UnauthenticatedError) as caught:
        await sign_in("alice", "wrong", address=HOME)

    assert caught.value.reason == "CREDENTIALS_INVALID"


async def test_a_code_opens_the_session(complete, asked, enrolled, sessions, issuer):
    signed_in = await complete(asked.challenge, totp(enrolled), address=HOME)

    session = sessions.rows[signed_in.session.id]
    assert (session.user_id, session.display_name, session.address) == ("alice", "phone", HOME)
    assert session.authentication == Authentication(
        level=AuthenticationLevel.MULTI_FACTOR, methods=("pwd", "otp", "mfa"), time_ns=NOW_NS
    )
    assert issuer.issued[0][2]["authentication"] == session.authentication
    assert signed_in.tokens.refresh_token


async def test_a_recovery_code_opens_it_too_however_it_is_typed(complete, asked, enrolled):
    typed = FactorProof(recovery_code=f" {enrolled.codes[0].upper().replace('-', ' ')}")

    signed_in = await complete(asked.challenge, typed, address=HOME)

    assert signed_in.session.authentication.methods == ("pwd", "recovery", "mfa")


async def test_a_challenge_is_answered_once(complete, asked, enrolled, sessions):
    await complete(asked.challenge, totp(enrolled), address=HOME)

    for proof in (totp(enrolled, beside=1), FactorProof(recovery_code=enrolled.codes[0])):
        assert await refusal_of(complete, asked.challenge, proof) == "SECOND_FACTOR_INVALID"
    assert len(sessions.rows) == 1


async def test_a_code_is_used_once_and_so_are_those_before_it(sign_in, complete, asked, enrolled):
    await complete(asked.challenge, totp(enrolled), address=HOME)
    again = await sign_in("alice", "correct horse")

    for beside in (0, -1):
        proof = totp(enrolled, beside=beside)
        assert await refusal_of(complete, again.challenge, proof) == "SECOND_FACTOR_INVALID"
    assert (await complete(again.challenge, totp(enrolled, beside=1), address=HOME)).session


async def test_a_recovery_code_is_used_once(sign_in, complete, asked, enrolled):
    proof = FactorProof(recovery_code=enrolled.codes[0])
    await complete(asked.challenge, proof, address=HOME)
    again = await sign_in("alice", "correct horse")

    assert again.factors.recovery_codes_left == 1
    assert await refusal_of(complete, again.challenge, proof) == "SECOND_FACTOR_INVALID"


@pytest.mark.parametrize(("beside", "good"), [(-2, False), (-1, True), (1, True), (2, False)])
async def test_codes_of_the_steps_beside_are_taken(complete, asked, enrolled, beside, good):
    proof = totp(enrolled, beside=beside)

    if good:
        assert (await complete(asked.challenge, proof, address=HOME)).session
    else:
        assert await refusal_of(complete, asked.challenge, proof) == "SECOND_FACTOR_INVALID"


async def test_after_a_wrong_answer_the_right_one_may_follow(complete, asked, enrolled):
    wrong = FactorProof(recovery_code="x")
    assert await refusal_of(complete, asked.challenge, wrong) == "SECOND_FACTOR_INVALID"

    assert (await complete(asked.challenge, totp(enrolled), address=HOME)).session


async def test_guesses_are_bounded_apart_from_those_of_passwords(
    complete, asked, enrolled, factor_throttle, throttle
):
    for _ in range(factor_throttle.failures):
        await refusal_of(complete, asked.challenge, FactorProof(recovery_code="x"))

    with pytest.raises(ResourceExhaustedError) as caught:
        await complete(asked.challenge, totp(enrolled), address=HOME)

    assert caught.value.reason == "SIGN_IN_THROTTLED"
    assert throttle.taken["alice"] == 0


async def test_success_is_not_charged(complete, asked, enrolled, factor_throttle):
    await complete(asked.challenge, totp(enrolled), address=HOME)

    assert factor_throttle.taken["alice"] == 0


async def test_a_challenge_expires(complete, asked, enrolled, clock):
    clock.advance(CHALLENGE_TTL_NS)

    proof = FactorProof(recovery_code=enrolled.codes[0])
    assert await refusal_of(complete, asked.challenge, proof) == "CHALLENGE_INVALID"


async def test_challenges_that_were_put_for_something_else_are_refused(
    complete, challenges, enrolled, alice
):
    other = await challenges.issue(
        Challenge(
            purpose="totp-enrolment",
            id=bytes(32),
            expire_time_ns=NOW_NS + STEP_NS,
            user_id="alice",
            password_time_ns=alice.password_time_ns,
        )
    )

    for text in (other, "", "x", "no base64!", other[:-1]):
        assert await refusal_of(complete, text, totp(enrolled)) == "CHALLENGE_INVALID"


@pytest.mark.parametrize("change", [{"disabled": True}, {"password_time_ns": NOW_NS + 1}, None])
async def test_a_user_changed_meanwhile_gets_no_session(
    complete, asked, enrolled, users, alice, sessions, change
):
    users.rows.pop("alice")
    if change:
        users.rows["alice"] = replace(alice, **change)

    assert await refusal_of(complete, asked.challenge, totp(enrolled)) == "CREDENTIALS_INVALID"
    assert not sessions.rows


async def test_an_outdated_hash_is_made_anew_before_the_second_factor(
    sign_in, enrolled, users, hasher
):
    users.rows["alice"] = replace(users.rows["alice"], password_hash="old:correct horse")
    hasher.outdated = True

    await sign_in("alice", "correct horse")

    assert users.rows["alice"].password_hash == "new:correct horse"


async def test_secrets_stay_out_of_representations(asked, enrolled, second_factors):
    stored = second_factors.totps["alice"]
    shown = repr((asked, stored, totp(enrolled), FactorProof(recovery_code="abc-def")))

    assert asked.challenge not in shown
    assert "abc-def" not in shown
    assert totp(enrolled).totp_code not in shown
    assert enrolled.secret not in stored.sealed


async def test_a_code_that_cannot_be_looked_at_is_no_failure(
    complete, asked, enrolled, sealer, factor_throttle, monkeypatch
):
    opened = sealer.open

    async def unusable(context, sealed):
        if context[0] == "totp":
            raise FailedPreconditionError("ENCRYPTION_KEY_UNUSABLE", "there is no key")
        return await opened(context, sealed)

    monkeypatch.setattr(sealer, "open", unusable)
    proof = totp(enrolled)
    for _ in range(2):
        with pytest.raises(FailedPreconditionError):
            await complete(asked.challenge, proof, address=HOME)
    assert factor_throttle.taken == {"alice": 0}
