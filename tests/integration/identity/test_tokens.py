"""Rotation of refresh tokens, and the revocation of access tokens."""

import asyncio
from dataclasses import replace

import jwt
import pytest
import sqlalchemy as sa

from blrcs.database.repositories.user import _REPLACE
from blrcs.database.repositories.user_row import user_to_row
from blrcs.database.statement import Statement
from blrcs.database.tables import refresh_tokens, revocations, sessions
from blrcs.domain.errors import NotFoundError, UnauthenticatedError
from blrcs.security.token_issuer import DEFAULT_TTL_NS
from blrcs.v1 import auth_pb2, user_pb2
from tests.integration.identity.identity import (
    DAY_NS,
    ISSUER,
    PASSWORD,
    SESSIONS_PER_USER,
    Identity,
    call_of,
)
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS, SECOND_NS

ADMIN = call_of("users/admin")
COUNTS = [
    Statement(sa.select(sa.func.count().label("count")).select_from(table))
    for table in (sessions, refresh_tokens, revocations)
]


def session_id_of(response):
    return response.session.rpartition("/")[2]


async def refuses(identity, refresh_token):
    with pytest.raises(UnauthenticatedError) as caught:
        await identity.refresh(refresh_token)
    return caught.value.reason == "REFRESH_TOKEN_INVALID"


async def test_a_sign_in_gives_a_token_that_introspects(identity, signed_in):
    tokens = signed_in.tokens
    facts = await identity.introspect(tokens.access_token)

    assert facts.active
    assert facts.principal == "users/alice"
    assert facts.session == signed_in.session
    assert facts.issuer == ISSUER
    assert facts.expire_time.seconds == NOW_NS // SECOND_NS + 900
    assert (tokens.token_type, tokens.expires_in.seconds) == ("Bearer", 900)
    assert tokens.refresh_expires_in.ToNanoseconds() == DAY_NS
    assert signed_in.password_change_required
    claims = identity.verifier.verify(tokens.access_token)
    assert claims.members["pwc"] is True


async def test_an_invalid_token_introspects_to_nothing(identity, signed_in):
    for token in ("x", signed_in.tokens.access_token[:-2], signed_in.tokens.refresh_token):
        assert await identity.introspect(token) == auth_pb2.IntrospectResponse()


async def test_refreshing_spends_the_token_and_keeps_the_session(identity, signed_in, clock):
    clock.advance(MINUTE_NS)
    renewed = await identity.refresh(signed_in.tokens.refresh_token)

    facts = await identity.introspect(renewed.access_token)
    assert facts.session == signed_in.session
    assert renewed.refresh_token != signed_in.tokens.refresh_token
    again = await identity.refresh(renewed.refresh_token)
    assert again.refresh_token


async def test_each_sign_in_gives_a_session_and_tokens_of_its_own(identity, signed_in):
    others = [await identity.sign_in("alice") for _ in range(2)]
    all_three = (signed_in, *others)
    assert len({each.session for each in all_three}) == 3
    for name in ("access_token", "refresh_token"):
        assert len({getattr(each.tokens, name) for each in all_three}) == 3


async def test_a_spent_token_ends_the_whole_session_at_once(identity, signed_in):
    other = await identity.sign_in("alice")
    renewed = await identity.refresh(signed_in.tokens.refresh_token)

    assert await refuses(identity, signed_in.tokens.refresh_token)

    assert await refuses(identity, renewed.refresh_token)
    access = (signed_in.tokens.access_token, renewed.access_token, other.tokens.access_token)
    assert await identity.active(*access) == [False, False, True]
    listed = await identity.auth.ListSessions(
        auth_pb2.ListSessionsRequest(parent="users/alice"), ADMIN
    )
    assert [each.name for each in listed.sessions] == [other.session]


async def test_of_refreshes_at_once_one_succeeds_and_the_others_are_reuse(identity, signed_in):
    results = await asyncio.gather(
        *(identity.refresh(signed_in.tokens.refresh_token) for _ in range(5)),
        return_exceptions=True,
    )

    succeeded = [each for each in results if not isinstance(each, Exception)]
    refused = [each.reason for each in results if isinstance(each, UnauthenticatedError)]
    assert len(succeeded) == 1
    assert refused == ["REFRESH_TOKEN_INVALID"] * 4
    assert await refuses(identity, succeeded[0].refresh_token)
    assert await identity.active(succeeded[0].access_token) == [False]


async def test_a_token_made_up_ends_nothing(identity, signed_in):
    assert await refuses(identity, session_id_of(signed_in))
    assert await refuses(identity, signed_in.tokens.refresh_token + "A")

    assert await identity.active(signed_in.tokens.access_token) == [True]
    await identity.refresh(signed_in.tokens.refresh_token)


async def test_refresh_tokens_expire_and_sessions_end(identity, signed_in, clock):
    token = signed_in.tokens.refresh_token
    for _ in range(7):
        clock.advance(DAY_NS - 1)
        token = (await identity.refresh(token)).refresh_token
    clock.advance(8)
    assert await refuses(identity, token)

    other = await identity.sign_in("alice")
    clock.advance(DAY_NS)
    assert await refuses(identity, other.tokens.refresh_token)


async def test_refreshing_is_refused_to_a_disabled_user_alike(identity, signed_in):
    stored = await identity.users.get("alice")
    disabled = user_to_row(replace(stored, disabled=True))
    await identity.database.execute(_REPLACE, user_id="alice", **disabled)

    assert await refuses(identity, signed_in.tokens.refresh_token)


async def test_signing_out_ends_this_session_alone(identity, signed_in):
    other = await identity.sign_in("alice")

    call = call_of("users/alice", session_id_of(signed_in))
    await identity.auth.SignOut(auth_pb2.SignOutRequest(), call)

    access = (signed_in.tokens.access_token, other.tokens.access_token)
    assert await identity.active(*access) == [False, True]
    assert await refuses(identity, signed_in.tokens.refresh_token)


async def test_a_session_is_revoked_under_its_own_name_alone(identity, signed_in):
    await identity.add_user("bob")
    alien = f"users/bob/sessions/{session_id_of(signed_in)}"
    with pytest.raises(NotFoundError):
        await identity.auth.RevokeSession(auth_pb2.RevokeSessionRequest(name=alien), ADMIN)
    assert await identity.active(signed_in.tokens.access_token) == [True]

    request = auth_pb2.RevokeSessionRequest(name=signed_in.session)
    await identity.auth.RevokeSession(request, ADMIN)

    assert await identity.active(signed_in.tokens.access_token) == [False]


async def test_disabling_a_user_ends_its_sessions_for_good(identity, signed_in):
    for disabled in (True, False):
        request = user_pb2.UpdateUserRequest(
            user=user_pb2.User(name="users/alice", disabled=disabled)
        )
        request.update_mask.paths.append("disabled")
        await identity.user.UpdateUser(request, ADMIN)
        assert await identity.active(signed_in.tokens.access_token) == [False]

    assert await refuses(identity, signed_in.tokens.refresh_token)
    again = await identity.sign_in("alice")
    assert await identity.active(again.tokens.access_token) == [True]


async def test_a_deleted_users_namesake_is_somebody_else(identity, signed_in):
    await identity.user.DeleteUser(user_pb2.DeleteUserRequest(name="users/alice"), ADMIN)
    await identity.add_user("alice")

    assert await identity.active(signed_in.tokens.access_token) == [False]
    assert await refuses(identity, signed_in.tokens.refresh_token)
    again = await identity.sign_in("alice")
    assert await identity.active(again.tokens.access_token) == [True]


async def test_a_changed_password_leaves_the_callers_session_alone(identity, signed_in):
    other = await identity.sign_in("alice")
    request = user_pb2.ChangePasswordRequest(
        name="users/alice", old_password=PASSWORD, new_password="battery staple"
    )
    await identity.user.ChangePassword(request, call_of("users/alice", session_id_of(signed_in)))

    access = (signed_in.tokens.access_token, other.tokens.access_token)
    assert await identity.active(*access) == [True, False]
    renewed = await identity.refresh(signed_in.tokens.refresh_token)
    assert "pwc" not in identity.verifier.verify(renewed.access_token).members
    with pytest.raises(UnauthenticatedError):
        await identity.sign_in("alice")
    assert not (await identity.sign_in("alice", "battery staple")).password_change_required


async def test_a_reset_password_ends_all_sessions(identity, signed_in):
    request = user_pb2.ResetPasswordRequest(name="users/alice", new_password="battery staple")
    await identity.user.ResetPassword(request, ADMIN)

    assert await identity.active(signed_in.tokens.access_token) == [False]
    assert (await identity.sign_in("alice", "battery staple")).password_change_required


async def test_revocations_outlive_a_restart(identity, signed_in, store, clock):
    other = await identity.sign_in("alice")
    request = auth_pb2.RevokeSessionRequest(name=signed_in.session)
    await identity.auth.RevokeSession(request, ADMIN)

    await identity.database.close()
    async with Identity.open(store, clock) as restarted:
        access = (signed_in.tokens.access_token, other.tokens.access_token)
        assert await restarted.active(*access) == [False, True]
        assert await refuses(restarted, signed_in.tokens.refresh_token)
        await restarted.refresh(other.tokens.refresh_token)


async def test_a_revocation_holds_if_its_caller_goes_away(identity, signed_in):
    request = auth_pb2.RevokeSessionRequest(name=signed_in.session)
    task = asyncio.create_task(identity.auth.RevokeSession(request, ADMIN))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    # Writes are done in order: after this one the cancelled one is done, too.
    await identity.sign_in("alice")

    assert await identity.active(signed_in.tokens.access_token) == [False]
    assert await refuses(identity, signed_in.tokens.refresh_token)


async def test_a_user_with_too_many_sessions_loses_the_oldest(identity, signed_in, clock):
    tokens = [signed_in.tokens.access_token]
    for _ in range(SESSIONS_PER_USER):
        clock.advance(1)
        tokens.append((await identity.sign_in("alice")).tokens.access_token)

    assert await identity.active(*tokens) == [False] + [True] * SESSIONS_PER_USER


async def test_purging_drops_what_expired_and_keeps_the_rest(identity, signed_in, clock):
    request = auth_pb2.RevokeSessionRequest(name=(await identity.sign_in("alice")).session)
    await identity.auth.RevokeSession(request, ADMIN)
    clock.advance(DAY_NS // 2)
    other = await identity.sign_in("alice")
    assert await identity.purge() == 0

    clock.advance(DAY_NS // 2)
    assert await identity.purge() == 0  # an access token could still be valid
    clock.advance(DEFAULT_TTL_NS)
    assert await identity.purge() == 1

    assert [(await identity.database.fetch_one(count)).count for count in COUNTS] == [1, 1, 0]
    await identity.refresh(other.tokens.refresh_token)


async def test_purging_drops_spent_tokens_that_have_expired_by_themselves(
    identity, signed_in, clock
):
    clock.advance(DAY_NS // 2)
    renewed = await identity.refresh(signed_in.tokens.refresh_token)
    clock.advance(DAY_NS // 2)

    assert await identity.purge() == 0

    assert [(await identity.database.fetch_one(count)).count for count in COUNTS] == [1, 1, 0]
    assert await refuses(identity, signed_in.tokens.refresh_token)
    await identity.refresh(renewed.refresh_token)


async def test_the_published_keys_verify_the_tokens(identity, signed_in):
    response = await identity.auth.GetJwks(auth_pb2.GetJwksRequest(), call_of())

    (key,) = response.keys
    jwk = jwt.PyJWK({field.name: value for field, value in key.ListFields()})
    claims = jwt.decode(
        signed_in.tokens.access_token,
        jwk,
        algorithms=["EdDSA"],
        audience="blrcs",
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert claims["sub"] == "users/alice"
