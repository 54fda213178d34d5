"""Enrolling an authenticator, and doing away with it."""

import base64

import pytest

from blrcs.application.credentials.begin_totp import ENROLMENT_TTL_NS, BeginTotp
from blrcs.application.credentials.confirm_totp import ConfirmTotp
from blrcs.application.credentials.disable_totp import DisableTotp
from blrcs.application.credentials.get_credentials import GetCredentials
from blrcs.application.credentials.own_factors import OwnFactors
from blrcs.application.credentials.regenerate_recovery_codes import RegenerateRecoveryCodes
from blrcs.application.credentials.reset_credentials import ResetCredentials
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    UnauthenticatedError,
)
from blrcs.domain.second_factor import FactorProof
from tests.unit.application.identity_fakes import NOW_NS, make_user
from tests.unit.application.second_factor_fakes import code_at
from tests.unit.application.users.test_users import open_session

ALICE = "users/alice"
ONE, TWO = AuthenticationLevel.SINGLE_FACTOR, AuthenticationLevel.MULTI_FACTOR


@pytest.fixture
def begin(second_factors, codes, challenges, secrets, clock):
    return BeginTotp(
        own_factors=OwnFactors(second_factors),
        codes=codes,
        challenges=challenges,
        secrets=secrets,
        clock=clock,
    )


@pytest.fixture
def confirm(second_factors, codes, challenges, sealer, secrets, clock):
    return ConfirmTotp(
        own_factors=OwnFactors(second_factors),
        second_factors=second_factors,
        codes=codes,
        challenges=challenges,
        sealer=sealer,
        secrets=secrets,
        clock=clock,
    )


@pytest.fixture
def get(users, second_factors):
    return GetCredentials(users=users, second_factors=second_factors)


def code_of(begun, codes, *, beside=0):
    """What an authenticator shows that was told the text of the secret."""
    secret = base64.b32decode(begun.secret)
    assert codes.text(secret) == begun.secret
    return code_at(secret, NOW_NS, beside=beside)


async def test_nothing_is_stored_before_it_is_confirmed(begin, second_factors, alice):
    begun = await begin(ALICE, ONE)

    assert begun.uri.startswith("otpauth://totp/blrcs:alice?secret=")
    assert begun.secret in begun.uri
    assert begun.ttl_ns == ENROLMENT_TTL_NS
    assert not second_factors.totps
    assert begun.secret not in repr(begun)
    assert begun.challenge not in repr(begun)


async def test_a_code_confirms_and_recovery_codes_come_with_it(
    begin, confirm, codes, get, alice, prove_second_factor
):
    begun = await begin(ALICE, ONE)

    recovery = await confirm(ALICE, ONE, challenge=begun.challenge, code=code_of(begun, codes))

    assert len(set(recovery)) == 10
    factors = await get("alice")
    assert factors.totp.create_time_ns == NOW_NS
    assert factors.recovery_codes_left == 10
    for code in recovery:
        proof = FactorProof(recovery_code=code)
        assert await prove_second_factor("alice", proof, address="") == "recovery"


async def test_the_code_that_confirms_can_sign_nobody_in(
    begin, confirm, codes, alice, prove_second_factor
):
    begun = await begin(ALICE, ONE)
    code = code_of(begun, codes)
    await confirm(ALICE, ONE, challenge=begun.challenge, code=code)

    with pytest.raises(UnauthenticatedError):
        await prove_second_factor("alice", FactorProof(totp_code=code), address="")


async def test_a_wrong_code_enrols_nothing_and_another_may_follow(
    begin, confirm, codes, second_factors, alice
):
    begun = await begin(ALICE, ONE)

    with pytest.raises(InvalidArgumentError):
        await confirm(ALICE, ONE, challenge=begun.challenge, code=code_of(begun, codes, beside=5))

    assert not second_factors.totps
    assert await confirm(ALICE, ONE, challenge=begun.challenge, code=code_of(begun, codes))


async def test_an_enrolment_is_confirmed_once_in_time_and_by_its_user(
    begin, confirm, codes, clock, alice, users
):
    users.rows["bob"] = make_user("bob")
    begun = await begin(ALICE, ONE)
    code = code_of(begun, codes)

    with pytest.raises(UnauthenticatedError):
        await confirm("users/bob", ONE, challenge=begun.challenge, code=code)
    await confirm(ALICE, ONE, challenge=begun.challenge, code=code)
    with pytest.raises(UnauthenticatedError):
        await confirm(ALICE, TWO, challenge=begun.challenge, code=code)
    begun = await begin(ALICE, TWO)
    clock.advance(ENROLMENT_TTL_NS)
    with pytest.raises(UnauthenticatedError):
        await confirm(ALICE, TWO, challenge=begun.challenge, code=code_of(begun, codes))


async def test_who_has_got_hold_of_the_password_alone_puts_none_in_its_place(
    begin, confirm, codes, alice
):
    begun, other = await begin(ALICE, ONE), await begin(ALICE, ONE)
    await confirm(ALICE, ONE, challenge=begun.challenge, code=code_of(begun, codes))

    for refused in (
        begin(ALICE, ONE),
        confirm(ALICE, ONE, challenge=other.challenge, code=code_of(other, codes)),
    ):
        with pytest.raises(FailedPreconditionError) as caught:
            await refused
        assert caught.value.reason == "SECOND_FACTOR_REQUIRED"
    assert await confirm(ALICE, TWO, challenge=other.challenge, code=code_of(other, codes))


async def test_only_users_have_authenticators(begin):
    with pytest.raises(FailedPreconditionError) as caught:
        await begin("serviceAccounts/robot", TWO)

    assert caught.value.reason == "NO_USER"


async def test_disabling_takes_the_recovery_codes_along(
    begin, confirm, codes, second_factors, alice
):
    begun = await begin(ALICE, ONE)
    await confirm(ALICE, ONE, challenge=begun.challenge, code=code_of(begun, codes))
    disable = DisableTotp(second_factors=second_factors)

    await disable(ALICE)

    assert not second_factors.totps
    assert not second_factors.codes
    with pytest.raises(FailedPreconditionError):
        await disable(ALICE)


async def test_new_recovery_codes_make_the_old_ones_worthless(
    begin, confirm, codes, second_factors, secrets, alice, prove_second_factor
):
    regenerate = RegenerateRecoveryCodes(second_factors=second_factors, secrets=secrets)
    with pytest.raises(FailedPreconditionError):
        await regenerate(ALICE)
    begun = await begin(ALICE, ONE)
    old = await confirm(ALICE, ONE, challenge=begun.challenge, code=code_of(begun, codes))

    new = await regenerate(ALICE)

    assert len(set(new) - set(old)) == 10
    with pytest.raises(UnauthenticatedError):
        await prove_second_factor("alice", FactorProof(recovery_code=old[0]), address="")
    assert await prove_second_factor("alice", FactorProof(recovery_code=new[0]), address="")


async def test_an_administrator_resets_them_but_not_its_own(
    begin, confirm, codes, users, second_factors, sessions, alice
):
    reset = ResetCredentials(users=users, second_factors=second_factors)
    begun = await begin(ALICE, ONE)
    await confirm(ALICE, ONE, challenge=begun.challenge, code=code_of(begun, codes))
    open_session(sessions, "alice", "s")

    with pytest.raises(FailedPreconditionError):
        await reset("alice", actor=ALICE)
    assert second_factors.totps
    await reset("alice", actor="users/admin")

    assert not second_factors.totps
    assert not sessions.rows
    with pytest.raises(NotFoundError):
        await reset("nobody", actor="users/admin")


async def test_what_a_user_has_who_does_not_exist_is_not_found(get):
    with pytest.raises(NotFoundError):
        await get("nobody")
