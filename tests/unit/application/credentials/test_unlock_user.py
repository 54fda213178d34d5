import pytest

from blrcs.application.credentials.unlock_user import UnlockUser
from blrcs.domain.errors import NotFoundError, UnavailableError
from blrcs.domain.session import SessionLifetime
from tests.unit.application.identity_fakes import FakeThrottle

HOME = "192.0.2.1"


@pytest.fixture
def throttles():
    return FakeThrottle(), FakeThrottle()


@pytest.fixture
def unlock_user(users, sessions, throttles, clock):
    return UnlockUser(users=users, sessions=sessions, throttles=throttles, clock=clock)


async def test_forgets_what_keeps_the_user_waiting(unlock_user, throttles, alice, sessions, clock):
    lifetime = SessionLifetime(refresh_ns=10, total_ns=10)
    sessions.rows["s"] = lifetime.open("s", "alice", display_name="", address=HOME, now_ns=clock())
    for throttle in throttles:
        throttle.taken = {"alice": 3, ("alice", HOME): 3, "bob": 2}

    await unlock_user("alice")

    assert [throttle.taken for throttle in throttles] == [{"bob": 2}] * 2


async def test_a_user_who_does_not_exist_cannot_be_unlocked(unlock_user):
    with pytest.raises(NotFoundError):
        await unlock_user("nobody")


async def test_each_is_asked_whatever_becomes_of_the_others(
    unlock_user, throttles, alice, monkeypatch
):
    async def unable(_, __):
        raise UnavailableError("LIMITS_UNAVAILABLE", "try again")

    monkeypatch.setattr(throttles[0], "forgive", unable)
    throttles[1].taken = {"alice": 3}

    with pytest.raises(UnavailableError):
        await unlock_user("alice")

    assert throttles[1].taken == {}
