"""Whom failed sign-ins keep waiting, and for how long."""

import contextlib

import pytest

from blrcs.domain.errors import ResourceExhaustedError, UnauthenticatedError
from blrcs.v1 import credential_pb2
from tests.integration.identity.identity import DAY_NS, call_of

HOME, AWAY, ELSEWHERE = "192.0.2.1", "203.0.113.9", "198.51.100.7"


@pytest.fixture
async def attacked(identity, signed_in):
    """Alice, signed in at home, while somebody guesses her password from elsewhere."""
    with contextlib.suppress(ResourceExhaustedError):
        for _ in range(100):
            with pytest.raises(UnauthenticatedError):
                await identity.sign_in("alice", "wrong horse", address=AWAY)


async def test_the_owner_is_not_locked_out_where_there_was_a_session(identity, attacked):
    assert (await identity.sign_in("alice", address=HOME)).session

    with pytest.raises(ResourceExhaustedError):
        await identity.sign_in("alice", address=ELSEWHERE)


async def test_what_has_expired_is_familiar_no_more(identity, attacked, clock):
    clock.advance(DAY_NS - 1)
    assert await identity.sessions.addresses("alice", now_ns=clock()) == [HOME]

    clock.advance(1)
    assert await identity.sessions.addresses("alice", now_ns=clock()) == []


async def test_addresses_are_those_of_one_user_each_once(identity, signed_in, clock):
    await identity.add_user("bob")
    await identity.sign_in("bob", address=AWAY)
    await identity.sign_in("alice", address=ELSEWHERE)
    await identity.sign_in("alice", address=ELSEWHERE)

    assert sorted(await identity.sessions.addresses("alice", now_ns=clock())) == [HOME, ELSEWHERE]


async def test_an_unlocked_user_can_sign_in_from_anywhere(identity, attacked):
    request = credential_pb2.UnlockUserRequest(name="users/alice")
    await identity.credential.UnlockUser(request, call_of("users/admin"))

    assert (await identity.sign_in("alice", address=ELSEWHERE)).session
