"""Who is kept waiting by whose failures."""

from dataclasses import replace

import pytest

from blrcs.domain.errors import ResourceExhaustedError

HOME, AWAY = "2001:db8:1:2::1", "203.0.113.9"


@pytest.fixture
async def at_home(sign_in, alice):
    """Alice has signed in from home."""
    return (await sign_in("alice", "correct horse", address=HOME)).session


@pytest.fixture
async def attacked(prove_password, throttle):
    """Somebody else has used up what the account has."""
    for _ in range(throttle.failures):
        assert await prove_password("alice", "wrong", address=AWAY) is None


async def test_strangers_do_not_lock_out_an_address_that_is_familiar(
    prove_password, at_home, attacked, throttle
):
    neighbour = "2001:db8:1:2::ffff"

    proof = await prove_password("alice", "correct horse", address=neighbour)

    assert proof is not None
    assert throttle.taken["alice", neighbour] == 0


async def test_an_address_that_is_not_familiar_has_to_wait(prove_password, at_home, attacked):
    with pytest.raises(ResourceExhaustedError):
        await prove_password("alice", "correct horse", address="192.0.2.77")


async def test_a_session_that_has_expired_makes_nothing_familiar(
    prove_password, at_home, attacked, sessions, clock
):
    sessions.rows[at_home.id] = replace(at_home, expire_time_ns=clock())

    with pytest.raises(ResourceExhaustedError):
        await prove_password("alice", "correct horse", address=HOME)


async def test_guesses_from_a_familiar_address_are_bounded(
    prove_password, at_home, attacked, throttle, hasher
):
    for _ in range(throttle.failures):
        assert await prove_password("alice", "wrong", address=HOME) is None
    verified = len(hasher.verified)

    with pytest.raises(ResourceExhaustedError):
        await prove_password("alice", "correct horse", address=HOME)

    assert len(hasher.verified) == verified


async def test_a_busy_hasher_is_not_charged_to_the_familiar_address(
    prove_password, at_home, attacked, throttle, hasher
):
    hasher.busy = True

    with pytest.raises(ResourceExhaustedError, match="busy"):
        await prove_password("alice", "correct horse", address=HOME)

    assert throttle.taken["alice", HOME] == 0
