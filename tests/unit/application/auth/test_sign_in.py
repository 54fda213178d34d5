import contextlib
from dataclasses import replace

import pytest

from blrcs.domain.authentication import by_password
from blrcs.domain.errors import ResourceExhaustedError, UnauthenticatedError
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS, make_user


async def refusal_of(sign_in, user_id, password):
    with pytest.raises(UnauthenticatedError) as caught:
        await sign_in(user_id, password)
    error = caught.value
    return error.code, error.reason, error.message, error.metadata


async def test_opens_a_session_and_issues_its_tokens(sign_in, alice, sessions, issuer, secrets):
    signed_in = await sign_in("alice", "correct horse", display_name="phone", address="192.0.2.1")

    session = signed_in.session
    assert sessions.rows[session.id] == session
    assert (session.display_name, session.address) == ("phone", "192.0.2.1")
    assert session.expire_time_ns == NOW_NS + 60 * MINUTE_NS
    assert session.end_time_ns == NOW_NS + 100 * MINUTE_NS
    assert issuer.issued == [
        (
            "users/alice",
            session.id,
            {
                "not_after_ns": session.end_time_ns,
                "password_change_required": False,
                "authentication": by_password(NOW_NS),
            },
        )
    ]
    stored = sessions.tokens[secrets.refresh_hash(signed_in.tokens.refresh_token)]
    assert stored == (session.id, False)
    assert signed_in.tokens.refresh_ttl_ns == 60 * MINUTE_NS
    assert not signed_in.password_change_required


async def test_the_token_says_that_the_password_must_be_changed(sign_in, users, issuer):
    users.rows["alice"] = make_user(password_change_required=True)

    signed_in = await sign_in("alice", "correct horse")

    assert signed_in.password_change_required
    assert issuer.issued[0][2]["password_change_required"]


async def test_unknown_disabled_and_wrong_are_refused_alike(sign_in, users, alice):
    users.rows["bob"] = make_user("bob", disabled=True)

    refusals = [
        await refusal_of(sign_in, "alice", "wrong"),
        await refusal_of(sign_in, "bob", "correct horse"),
        await refusal_of(sign_in, "nobody", "correct horse"),
    ]

    assert refusals.count(refusals[0]) == 3
    assert refusals[0][1] == "CREDENTIALS_INVALID"


@pytest.mark.parametrize(
    ("user_id", "password"),
    [("alice", "correct horse"), ("alice", "wrong"), ("nobody", "wrong"), ("bob", "correct horse")],
)
async def test_verifies_exactly_one_hash_whoever_it_is(
    sign_in, users, alice, hasher, user_id, password
):
    users.rows["bob"] = make_user("bob", disabled=True)

    with contextlib.suppress(UnauthenticatedError):
        await sign_in(user_id, password)

    assert len(hasher.verified) == 1


async def test_failures_are_throttled_alike_for_unknown_accounts(sign_in, alice, hasher):
    waits = []
    for user_id in ("alice", "nobody"):
        for _ in range(3):
            await refusal_of(sign_in, user_id, "wrong")
        verified = len(hasher.verified)
        with pytest.raises(ResourceExhaustedError) as caught:
            await sign_in(user_id, "correct horse")
        assert len(hasher.verified) == verified
        waits.append((caught.value.reason, caught.value.message, caught.value.retry_after_ns))

    assert waits == [("SIGN_IN_THROTTLED", "too many failed attempts", MINUTE_NS)] * 2


async def test_a_disabled_users_password_is_throttled_as_a_wrong_one(sign_in, users):
    users.rows["bob"] = make_user("bob", disabled=True)
    for _ in range(3):
        await refusal_of(sign_in, "bob", "correct horse")

    with pytest.raises(ResourceExhaustedError):
        await sign_in("bob", "correct horse")


async def test_success_is_not_charged(sign_in, alice, throttle):
    for _ in range(10):
        await sign_in("alice", "correct horse")

    assert throttle.taken["alice"] == 0


async def test_the_attempt_is_charged_before_the_password_is_verified(
    sign_in, alice, hasher, throttle
):
    taken = []
    hasher.meanwhile = lambda: taken.append(throttle.taken["alice"])

    await sign_in("alice", "correct horse")

    assert taken == [1]


async def test_a_busy_hasher_is_not_charged_to_the_account(sign_in, alice, hasher, throttle):
    hasher.busy = True

    with pytest.raises(ResourceExhaustedError, match="busy"):
        await sign_in("alice", "correct horse")

    assert throttle.taken["alice"] == 0


async def test_an_outdated_hash_is_made_anew(sign_in, users, hasher):
    users.rows["alice"] = make_user(password_hash="old:correct horse")
    hasher.outdated = True

    await sign_in("alice", "correct horse")

    assert users.rows["alice"].password_hash == "new:correct horse"


async def test_a_wrong_password_does_not_renew_the_hash(sign_in, users, hasher):
    users.rows["alice"] = make_user(password_hash="old:correct horse")
    hasher.outdated = True

    await refusal_of(sign_in, "alice", "wrong")

    assert users.rows["alice"].password_hash == "old:correct horse"


@pytest.mark.parametrize("change", [{"disabled": True}, {"password_time_ns": NOW_NS + 1}, None])
async def test_a_user_changed_during_verification_gets_no_session(
    sign_in, users, alice, hasher, sessions, issuer, change
):
    def meanwhile():
        users.rows.pop("alice")
        if change:
            users.rows["alice"] = replace(alice, **change)

    hasher.meanwhile = meanwhile

    await refusal_of(sign_in, "alice", "correct horse")

    assert not sessions.rows
    assert not issuer.issued


async def test_secrets_stay_out_of_representations(sign_in, alice):
    signed_in = await sign_in("alice", "correct horse")

    assert signed_in.tokens.refresh_token not in repr(signed_in)
    assert signed_in.tokens.access.text not in repr(signed_in)
    assert "correct horse" not in repr(alice)
