"""Registering passkeys, and doing away with them."""

import json
from types import SimpleNamespace

import pytest

from blrcs.application.credentials.begin_passkey import BeginPasskey
from blrcs.application.credentials.begin_totp import ENROLMENT_TTL_NS
from blrcs.application.credentials.delete_passkey import DeletePasskey
from blrcs.application.credentials.finish_passkey import FinishPasskey
from blrcs.application.credentials.own_factors import OwnFactors
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.errors import (
    FailedPreconditionError,
    NotFoundError,
    UnauthenticatedError,
)
from blrcs.domain.second_factor import MAX_PASSKEYS
from tests.authenticator import Authenticator
from tests.unit.application.identity_fakes import NOW_NS

ALICE = "users/alice"
ONE, TWO = AuthenticationLevel.SINGLE_FACTOR, AuthenticationLevel.MULTI_FACTOR


@pytest.fixture
def passkeys(second_factors, ceremonies, challenges, secrets, clock):
    parts = {
        "own_factors": OwnFactors(second_factors),
        "second_factors": second_factors,
        "ceremonies": ceremonies,
        "challenges": challenges,
        "secrets": secrets,
        "clock": clock,
    }
    begin, finish = BeginPasskey(**parts), FinishPasskey(**parts)

    async def register(authenticator=None, level=ONE):
        begun = await begin(ALICE, level)
        credential = (authenticator or Authenticator()).create(begun.options)
        return await finish(
            ALICE, level, challenge=begun.challenge, credential=credential, display_name="key"
        )

    return SimpleNamespace(
        begin=begin,
        finish=finish,
        register=register,
        delete=DeletePasskey(second_factors=second_factors),
    )


async def test_the_first_one_brings_recovery_codes_and_others_do_not(
    passkeys, second_factors, alice
):
    first = await passkeys.register()
    second = await passkeys.register(level=TWO)

    assert (len(first.recovery_codes), second.recovery_codes) == (10, [])
    assert first.passkey.display_name == "key"
    assert first.passkey.create_time_ns == NOW_NS
    assert first.passkey.name == f"users/alice/passkeys/{first.passkey.id}"
    factors = await second_factors.of_user("alice")
    assert factors.are_asked_for
    assert (len(factors.passkeys), factors.recovery_codes_left) == (2, 10)
    assert first.recovery_codes[0] not in repr(first)


async def test_a_registration_is_finished_once_in_time_and_by_its_user(passkeys, clock, alice):
    begun = await passkeys.begin(ALICE, ONE)
    credential = Authenticator().create(begun.options)
    finish = {"challenge": begun.challenge, "credential": credential, "display_name": ""}

    with pytest.raises(UnauthenticatedError):
        await passkeys.finish("users/bob", ONE, **finish)
    await passkeys.finish(ALICE, ONE, **finish)
    with pytest.raises(UnauthenticatedError):
        await passkeys.finish(ALICE, TWO, **finish)
    begun = await passkeys.begin(ALICE, TWO)
    clock.advance(ENROLMENT_TTL_NS)
    with pytest.raises(UnauthenticatedError):
        await passkeys.finish(
            ALICE,
            TWO,
            challenge=begun.challenge,
            credential=Authenticator().create(begun.options),
            display_name="",
        )


async def test_a_credential_is_registered_once(passkeys, second_factors, alice):
    authenticator = Authenticator()
    await passkeys.register(authenticator)

    with pytest.raises(UnauthenticatedError):
        await passkeys.register(authenticator, TWO)

    assert len(second_factors.passkeys) == 1


async def test_authenticators_are_told_which_are_registered(passkeys, alice):
    await passkeys.register()

    options = json.loads((await passkeys.begin(ALICE, TWO)).options)

    assert len(options["excludeCredentials"]) == 1


async def test_who_has_got_hold_of_the_password_alone_adds_none(passkeys, alice):
    await passkeys.register()

    with pytest.raises(FailedPreconditionError) as caught:
        await passkeys.begin(ALICE, ONE)

    assert caught.value.reason == "SECOND_FACTOR_REQUIRED"


async def test_a_user_has_so_many_at_most(passkeys, alice):
    await passkeys.register()
    for _ in range(MAX_PASSKEYS - 1):
        await passkeys.register(level=TWO)

    with pytest.raises(FailedPreconditionError) as caught:
        await passkeys.begin(ALICE, TWO)

    assert caught.value.reason == "TOO_MANY_PASSKEYS"


async def test_who_begins_many_while_there_is_room_for_one_finishes_one(passkeys, alice):
    await passkeys.register()
    for _ in range(MAX_PASSKEYS - 2):
        await passkeys.register(level=TWO)
    begun = [await passkeys.begin(ALICE, TWO) for _ in range(2)]
    answers = [
        {"challenge": each.challenge, "credential": Authenticator().create(each.options)}
        for each in begun
    ]

    await passkeys.finish(ALICE, TWO, display_name="", **answers[0])
    with pytest.raises(FailedPreconditionError) as caught:
        await passkeys.finish(ALICE, TWO, display_name="", **answers[1])

    assert caught.value.reason == "TOO_MANY_PASSKEYS"


async def test_recovery_codes_go_with_the_last_one(passkeys, second_factors, alice):
    first = (await passkeys.register()).passkey
    second = (await passkeys.register(level=TWO)).passkey

    await passkeys.delete("alice", first.id)
    assert second_factors.codes
    with pytest.raises(NotFoundError):
        await passkeys.delete("bob", second.id)
    await passkeys.delete("alice", second.id)

    assert not second_factors.codes
    assert not (await second_factors.of_user("alice")).are_asked_for
