import pytest

from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.second_factor import Challenge
from blrcs.security.challenges import SealedChallenges
from blrcs.security.derived_sealer import DerivedSealer
from tests.unit.application.identity_fakes import NOW_NS, FakeClock

CHALLENGE = Challenge(
    purpose="sign-in",
    id=bytes(range(32)),
    expire_time_ns=NOW_NS + 10,
    user_id="älice",
    password_time_ns=7,
    display_name="the phone",
    secret=b"\x00\xff",
)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def challenges(clock):
    async def master():
        return bytes(32)

    return SealedChallenges(DerivedSealer(master, purpose="challenges"), clock)


async def test_what_was_issued_is_what_comes_back(challenges):
    text = await challenges.issue(CHALLENGE)

    assert await challenges.open(text, purpose="sign-in") == CHALLENGE
    assert text.isascii()
    assert "lice" not in text


async def test_it_is_good_for_its_purpose_and_time_alone(challenges, clock):
    text = await challenges.issue(CHALLENGE)
    with pytest.raises(UnauthenticatedError):
        await challenges.open(text, purpose="totp-enrolment")

    clock.advance(10)

    with pytest.raises(UnauthenticatedError):
        await challenges.open(text, purpose="sign-in")


async def test_what_was_not_issued_is_refused(challenges):
    text = await challenges.issue(CHALLENGE)

    for other in ("", "A", "AAAA", "é", text[:-4], text + "AAAA", text.swapcase(), "A" * 4096):
        with pytest.raises(UnauthenticatedError) as caught:
            await challenges.open(other, purpose="sign-in")
        assert caught.value.reason == "CHALLENGE_INVALID"
