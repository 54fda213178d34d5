"""Exchanged, bound and revoked tokens, from their issue to their end."""

from types import SimpleNamespace

import jwt
import pytest

from blrcs.domain.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    UnauthenticatedError,
)
from blrcs.v1 import auth_pb2, user_pb2
from blrcs_native.tokens.claims import Claims
from tests.integration.identity.identity import AUDIENCE, ISSUER, PASSWORD, call_of
from tests.unit.application.identity_fakes import MINUTE_NS, SECOND_NS

SCOPE = ["orders.read", "blrcs.tokens.*"]


def caller(identity, token):
    """A call as authentication leaves it."""
    claims = identity.verifier.verify(token)
    assert isinstance(claims, Claims), claims
    principal = SimpleNamespace(name=claims.principal, session=claims.session_id, claims=claims)
    return SimpleNamespace(principal=principal, peer_address="192.0.2.1")


async def exchange(
    identity, actor, token, *, subject="users/alice", audience=AUDIENCE, scope=SCOPE
):
    request = auth_pb2.ExchangeTokenRequest(
        subject=subject, subject_token=token, audience=audience, scope=scope
    )
    return (await identity.auth.ExchangeToken(request, caller(identity, actor))).tokens


async def refusal(identity, *arguments, **details):
    with pytest.raises((InvalidArgumentError, FailedPreconditionError)) as refused:
        await exchange(identity, *arguments, **details)
    return refused.value.reason


@pytest.fixture
async def alice(identity):
    """An access token of a user who has chosen a password."""
    await identity.add_user("alice")
    first = caller(identity, (await identity.sign_in("alice")).tokens.access_token)
    chosen = user_pb2.ChangePasswordRequest(
        name="users/alice", old_password=PASSWORD, new_password="another one"
    )
    await identity.user.ChangePassword(chosen, first)
    return (await identity.sign_in("alice", "another one")).tokens


@pytest.fixture
async def robot(identity):
    """An access token of a service account."""
    return await identity.service_token(await identity.add_key("robot"))


async def test_an_exchanged_token_is_narrower_and_names_who_acts(identity, alice, robot, clock):
    clock.advance(5 * MINUTE_NS)
    tokens = await exchange(identity, robot, alice.access_token)

    claims = identity.verifier.verify(tokens.access_token)
    assert claims.principal == "users/alice"
    assert claims.actor == "serviceAccounts/robot"
    assert claims.scopes == tuple(SCOPE)
    assert claims.permitted == frozenset(SCOPE)
    # No longer than what it was got for, which was issued five minutes ago.
    assert claims.expires_at_ns == identity.verifier.verify(alice.access_token).expires_at_ns
    assert tokens.expires_in.ToNanoseconds() == 10 * MINUTE_NS
    assert not tokens.refresh_token
    facts = await identity.introspect(tokens.access_token)
    assert (list(facts.scope), facts.actor) == (SCOPE, "serviceAccounts/robot")


async def test_a_token_for_another_audience_is_not_good_here(identity, alice, robot):
    tokens = await exchange(identity, robot, alice.access_token, audience="billing")

    assert jwt.decode(tokens.access_token, options={"verify_signature": False})["aud"] == "billing"
    assert identity.verifier.verify(tokens.access_token).reason == "TOKEN_AUDIENCE_MISMATCH"


async def test_a_token_ends_with_either_session(identity, alice, robot):
    first = (await exchange(identity, robot, alice.access_token)).access_token
    assert await identity.active(first) == [True]
    key = user_pb2.DeleteApiKeyRequest(name="serviceAccounts/robot/apiKeys/ci")
    await identity.user.DeleteApiKey(key, call_of("users/admin"))
    assert await identity.active(first, robot, alice.access_token) == [False, False, True]

    other = await identity.service_token(await identity.add_key("robot", "other"))
    second = (await exchange(identity, other, alice.access_token)).access_token
    await identity.auth.SignOut(auth_pb2.SignOutRequest(), caller(identity, alice.access_token))
    assert await identity.active(second, other) == [False, True]


async def test_who_acts_for_somebody_does_not_end_the_session(identity, alice, robot):
    acting = caller(identity, (await exchange(identity, robot, alice.access_token)).access_token)
    with pytest.raises(FailedPreconditionError, match="exchanged") as refused:
        await identity.auth.SignOut(auth_pb2.SignOutRequest(), acting)
    assert refused.value.reason == "TOKEN_NARROWED"
    assert await identity.active(alice.access_token) == [True]


async def test_who_acts_for_somebody_is_told_that_it_proves_nothing_anew(identity, alice, robot):
    acting = caller(identity, (await exchange(identity, robot, alice.access_token)).access_token)
    with pytest.raises(FailedPreconditionError, match="exchanged") as refused:
        await identity.auth.StepUp(auth_pb2.StepUpRequest(password="another one"), acting)
    assert refused.value.reason == "TOKEN_NARROWED"


async def test_nothing_gets_wider_by_an_exchange(identity, alice, robot):
    narrow = (await exchange(identity, robot, alice.access_token)).access_token
    again = await exchange(identity, robot, narrow, scope=["orders.read"])
    claims = identity.verifier.verify(again.access_token)
    assert claims.scopes == ("orders.read",)
    assert claims.members["act"] == {
        "sub": "serviceAccounts/robot",
        "act": {"sub": "serviceAccounts/robot"},
    }
    for wider in (["orders.*"], ["orders.read", "orders.write"], ["blrcs.*"]):
        assert await refusal(identity, robot, narrow, scope=wider) == "SCOPE_TOO_WIDE"
    assert await refusal(identity, robot, alice.access_token, audience="x") == "AUDIENCE_UNKNOWN"
    deep = again.access_token
    for _ in range(2):
        deep = (await exchange(identity, robot, deep, scope=["orders.read"])).access_token
    assert await refusal(identity, robot, deep, scope=["orders.read"]) == "DELEGATION_TOO_DEEP"


async def test_who_acts_for_who_exchanges_is_told_and_ends_it(identity, alice, robot, clock):
    gateway = await identity.service_token(await identity.add_key("gateway"))
    for_gateway = {"subject": "serviceAccounts/gateway", "scope": ["blrcs.tokens.exchange"]}
    acting = (await exchange(identity, robot, gateway, **for_gateway)).access_token
    clock.advance(MINUTE_NS)
    later = (await identity.sign_in("alice", "another one")).tokens.access_token
    chained = await exchange(identity, acting, later)

    claims = identity.verifier.verify(chained.access_token)
    assert claims.members["act"] == {
        "sub": "serviceAccounts/robot",
        "act": {"sub": "serviceAccounts/gateway"},
    }
    assert claims.expires_at_ns == identity.verifier.verify(acting).expires_at_ns
    narrower = await exchange(
        identity, chained.access_token, chained.access_token, scope=["orders.read"]
    )
    kept = identity.verifier.verify(narrower.access_token)
    assert (kept.members["act"], kept.actor_sessions) == (
        claims.members["act"],
        claims.actor_sessions,
    )
    # With a token of the subject that nobody acts by, who acts goes on to be told.
    own = identity.verifier.verify(
        (await exchange(identity, chained.access_token, later)).access_token
    )
    assert (own.members["act"], own.actor_sessions) == (
        claims.members["act"],
        claims.actor_sessions,
    )
    key = user_pb2.DeleteApiKeyRequest(name="serviceAccounts/robot/apiKeys/ci")
    await identity.user.DeleteApiKey(key, call_of("users/admin"))
    ended = (acting, chained.access_token, narrower.access_token)
    assert await identity.active(*ended, gateway, later) == [False, False, False, True, True]


async def test_a_token_of_ones_own_is_narrowed_without_anybody_acting(identity, alice):
    tokens = await exchange(identity, alice.access_token, alice.access_token)
    claims = identity.verifier.verify(tokens.access_token)
    assert (claims.actor, claims.actor_sessions) == (None, ())
    assert claims.scopes == tuple(SCOPE)


async def test_only_a_valid_token_of_the_subject_is_exchanged(identity, alice, robot, clock):
    for token in ("x", alice.refresh_token, robot, alice.access_token[:-4] + "AAAA"):
        assert await refusal(identity, robot, token) == "SUBJECT_TOKEN"
    assert (
        await refusal(identity, robot, alice.access_token, subject="users/bob") == "SUBJECT_TOKEN"
    )
    await identity.add_user("carol")
    carol = (await identity.sign_in("carol")).tokens.access_token
    pending = await refusal(identity, robot, carol, subject="users/carol")
    assert pending == "PASSWORD_CHANGE_REQUIRED"
    fresh = caller(identity, robot)
    clock.advance(15 * MINUTE_NS)
    request = auth_pb2.ExchangeTokenRequest(
        subject="users/alice", subject_token=alice.access_token, audience=AUDIENCE, scope=SCOPE
    )
    with pytest.raises(InvalidArgumentError):
        await identity.auth.ExchangeToken(request, fresh)


# Bound tokens -------------------------------------------------------------------------------


async def test_tokens_got_with_a_certificate_are_bound_to_it(identity, alice):
    assert identity.verifier.verify(alice.access_token).certificate_thumbprint is None
    identity.shown = "one"
    bound = (await identity.sign_in("alice", "another one")).tokens
    assert identity.verifier.verify(bound.access_token).certificate_thumbprint == "one"
    renewed = await identity.refresh(bound.refresh_token)
    assert identity.verifier.verify(renewed.access_token).certificate_thumbprint == "one"
    service = await identity.service_token(await identity.add_key("robot"))
    assert identity.verifier.verify(service).certificate_thumbprint == "one"


async def test_a_stolen_refresh_token_does_nothing_without_the_certificate(identity, alice):
    identity.shown = "one"
    bound = (await identity.sign_in("alice", "another one")).tokens
    renewed = await identity.refresh(bound.refresh_token)
    for shown in (None, "two"):
        identity.shown = shown
        for stolen in (bound, renewed):
            with pytest.raises(UnauthenticatedError) as refused:
                await identity.refresh(stolen.refresh_token)
            assert refused.value.reason == "REFRESH_TOKEN_INVALID"
    identity.shown = "one"
    assert await identity.active(renewed.access_token) == [True]
    await identity.refresh(renewed.refresh_token)
    # A session that is bound to nothing may be refreshed by whatever connection.
    await identity.refresh(alice.refresh_token)


async def test_a_bound_token_is_exchanged_by_whom_it_is_bound_to_alone(identity, alice, robot):
    identity.shown = "one"
    bound = (await identity.sign_in("alice", "another one")).tokens.access_token
    assert await refusal(identity, robot, bound) == "TOKEN_BOUND"
    assert await refusal(identity, alice.access_token, bound) == "TOKEN_BOUND"

    narrow = (await exchange(identity, bound, bound)).access_token

    assert identity.verifier.verify(narrow).certificate_thumbprint == "one"
    bound_robot = await identity.service_token(await identity.add_key("robot", "bound"))
    acting = (await exchange(identity, bound_robot, alice.access_token)).access_token
    assert identity.verifier.verify(acting).certificate_thumbprint == "one"


# Revocation ---------------------------------------------------------------------------------


async def revoke(identity, **what):
    request = auth_pb2.RevokeTokensRequest(**what)
    await identity.auth.RevokeTokens(request, call_of("users/admin"))


async def test_a_single_token_is_revoked(identity, alice):
    other = (await identity.sign_in("alice", "another one")).tokens
    await revoke(identity, token_id=identity.verifier.verify(alice.access_token).token_id)

    assert await identity.active(alice.access_token, other.access_token) == [False, True]
    renewed = await identity.refresh(alice.refresh_token)
    assert await identity.active(renewed.access_token) == [True]


async def test_all_tokens_of_a_subject_are_revoked_until_now(identity, alice, robot, clock):
    clock.advance(SECOND_NS)
    await revoke(identity, subject="users/alice", issuer=ISSUER)

    assert await identity.active(alice.access_token, robot) == [False, True]
    clock.advance(SECOND_NS)
    later = (await identity.sign_in("alice", "another one")).tokens.access_token
    assert await identity.active(later) == [True]


async def test_tokens_issued_in_the_second_of_a_revocation_are_good(identity, alice, clock):
    clock.advance(1)
    await revoke(identity, subject="users/alice")
    renewed = await identity.refresh(alice.refresh_token)
    signed_in = (await identity.sign_in("alice", "another one")).tokens

    assert await identity.active(
        alice.access_token, renewed.access_token, signed_in.access_token
    ) == [False, True, True]


async def test_a_revocation_outlasts_a_restart_and_reaches_other_servers(identity, alice, clock):
    clock.advance(SECOND_NS)
    await revoke(identity, token_id=identity.verifier.verify(alice.access_token).token_id)
    await revoke(identity, subject="users/bob")
    told = []
    fresh = SimpleNamespace(
        restore=told.append, restore_sessions=lambda *_, **__: None, revoke=told.append
    )
    repository = type(identity.stored_revocations)
    for read in ("load", "catch_up"):
        other = repository(
            identity.database,
            identity.stored_revocations._reader,
            revoker=fresh,
            clock=clock,
            token_ttl_ns=1,
        )
        found = getattr(other, read)()
        if found is not None:
            await found
        assert {(each.kind, each.issuer) for each in told} == {
            ("token", ISSUER),
            ("subject", ISSUER),
        }
        told.clear()


async def test_only_tokens_of_issuers_that_are_trusted_are_revoked(identity):
    with pytest.raises(InvalidArgumentError):
        await revoke(identity, subject="x", issuer="https://else.example")
