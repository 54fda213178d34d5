import pytest

from blrcs.domain.errors import UnauthenticatedError
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS, make_user


@pytest.fixture
async def signed_in(sign_in, alice):
    return await sign_in("alice", "correct horse")


async def refusal_of(refresh, token):
    with pytest.raises(UnauthenticatedError) as caught:
        await refresh(token)
    return caught.value.reason, caught.value.message


async def test_gives_new_tokens_of_the_same_session(refresh, signed_in, sessions, clock, issuer):
    clock.advance(10 * MINUTE_NS)

    tokens = await refresh(signed_in.tokens.refresh_token)

    session = sessions.rows[signed_in.session.id]
    assert session.refresh_time_ns == clock()
    assert session.expire_time_ns == clock() + 60 * MINUTE_NS
    assert tokens.refresh_token != signed_in.tokens.refresh_token
    assert tokens.refresh_ttl_ns == 60 * MINUTE_NS
    assert issuer.issued[-1][:2] == ("users/alice", signed_in.session.id)
    assert issuer.issued[-1][2]["not_after_ns"] == signed_in.session.end_time_ns


async def test_a_session_ends_however_often_it_is_refreshed(refresh, signed_in, clock):
    clock.advance(50 * MINUTE_NS)
    tokens = await refresh(signed_in.tokens.refresh_token)
    assert tokens.refresh_ttl_ns == 50 * MINUTE_NS

    clock.advance(50 * MINUTE_NS)

    await refusal_of(refresh, tokens.refresh_token)
    assert clock() == NOW_NS + 100 * MINUTE_NS


async def test_unknown_spent_and_expired_are_refused_alike(
    refresh, sign_in, signed_in, clock, users
):
    await refresh(signed_in.tokens.refresh_token)
    other = await sign_in("alice", "correct horse")
    refusals = [
        await refusal_of(refresh, "made up"),
        await refusal_of(refresh, signed_in.tokens.refresh_token),
    ]
    clock.advance(60 * MINUTE_NS)
    refusals.append(await refusal_of(refresh, other.tokens.refresh_token))

    assert refusals == [("REFRESH_TOKEN_INVALID", "the refresh token is not valid")] * 3


async def test_the_new_token_tells_whether_the_password_must_be_changed_now(
    refresh, signed_in, users, issuer
):
    users.rows["alice"] = make_user(password_change_required=True)

    await refresh(signed_in.tokens.refresh_token)

    assert issuer.issued[-1][2]["password_change_required"]
