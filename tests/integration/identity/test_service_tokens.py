"""The life of API keys and of the tokens got with them."""

import pytest

from blrcs.domain.errors import (
    FailedPreconditionError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from blrcs.v1 import auth_pb2, user_pb2
from tests.integration.identity.identity import Identity, call_of
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS, SECOND_NS

ADMIN = call_of("users/admin")
NAME = "serviceAccounts/robot/apiKeys/ci"


async def refuses(identity, text):
    with pytest.raises(UnauthenticatedError) as caught:
        await identity.service_token(text)
    return caught.value.reason == "API_KEY_INVALID"


async def update_key(identity, path, **fields):
    request = user_pb2.UpdateApiKeyRequest(api_key=user_pb2.ApiKey(name=NAME, **fields))
    request.update_mask.paths.append(path)
    return await identity.user.UpdateApiKey(request, ADMIN)


async def update_account(identity, *, disabled):
    request = user_pb2.UpdateServiceAccountRequest(
        service_account=user_pb2.ServiceAccount(name="serviceAccounts/robot", disabled=disabled)
    )
    request.update_mask.paths.append("disabled")
    return await identity.user.UpdateServiceAccount(request, ADMIN)


async def get_key(identity):
    return await identity.user.GetApiKey(user_pb2.GetApiKeyRequest(name=NAME), ADMIN)


async def test_a_key_is_exchanged_for_a_token_of_its_account(identity):
    text = await identity.add_key("robot")

    token = await identity.service_token(text)

    facts = await identity.introspect(token)
    assert (facts.active, facts.principal, facts.session) == (True, "serviceAccounts/robot", "")
    assert identity.verifier.verify(token).members["akid"] == "ci"


async def test_the_key_is_nowhere_in_what_is_stored(identity, store):
    text = await identity.add_key("robot")
    key = await get_key(identity)
    assert text.startswith(key.prefix)
    assert text not in str(key)

    stored = await store.content()

    assert key.prefix.encode() in stored
    assert text.encode() not in stored
    assert text.rpartition("_")[2].encode() not in stored


async def test_keys_that_were_never_issued_are_refused(identity):
    text = await identity.add_key("robot")

    for alien in ("x", text[:-1], identity.secrets.api_key().text):
        assert await refuses(identity, alien)


async def test_a_disabled_key_and_its_tokens_are_refused_and_no_others(identity):
    first, second = await identity.add_key("robot"), await identity.add_key("robot", "second")
    tokens = [await identity.service_token(text) for text in (first, second)]

    await update_key(identity, "disabled", disabled=True)
    assert await refuses(identity, first)
    assert await identity.active(*tokens) == [False, True]

    await update_key(identity, "disabled", disabled=False)
    tokens.append(await identity.service_token(first))
    assert await identity.active(*tokens) == [False, True, True]


async def test_a_disabled_account_has_no_tokens_until_it_is_enabled(identity):
    texts = [await identity.add_key("robot", key_id) for key_id in ("ci", "second")]
    alien = await identity.service_token(await identity.add_key("other"))
    tokens = [await identity.service_token(text) for text in texts]

    await update_account(identity, disabled=True)
    assert [await refuses(identity, text) for text in texts] == [True, True]
    assert await identity.active(*tokens, alien) == [False, False, True]

    await update_account(identity, disabled=False)
    tokens.append(await identity.service_token(texts[0]))
    assert await identity.active(*tokens) == [False, False, True]


async def test_a_deleted_keys_tokens_are_refused(identity):
    text = await identity.add_key("robot")
    token = await identity.service_token(text)

    await identity.user.DeleteApiKey(user_pb2.DeleteApiKeyRequest(name=NAME), ADMIN)

    assert await refuses(identity, text)
    assert await identity.active(token) == [False]
    again = await identity.service_token(await identity.add_key("robot"))
    assert await identity.active(again) == [True]


async def test_a_deleted_account_takes_its_keys_along(identity):
    text = await identity.add_key("robot")
    token = await identity.service_token(text)

    request = user_pb2.DeleteServiceAccountRequest(name="serviceAccounts/robot")
    await identity.user.DeleteServiceAccount(request, ADMIN)

    assert await refuses(identity, text)
    assert await identity.active(token) == [False]
    with pytest.raises(NotFoundError):
        await get_key(identity)
    again = await identity.service_token(await identity.add_key("robot"))
    assert await identity.active(again, token) == [True, False]


async def test_a_key_and_its_tokens_expire_together(identity, clock):
    expire_time = {"seconds": NOW_NS // SECOND_NS + 60}
    text = await identity.add_key("robot", expire_time=expire_time)
    token = await identity.service_token(text)
    assert (await identity.introspect(token)).expire_time.seconds == expire_time["seconds"]

    clock.advance(MINUTE_NS)

    assert await refuses(identity, text)
    assert await identity.active(token) == [False]


async def test_an_earlier_expiry_makes_longer_tokens_worthless(identity):
    text = await identity.add_key("robot")
    token = await identity.service_token(text)

    await update_key(identity, "expire_time", expire_time={"seconds": NOW_NS // SECOND_NS + 60})

    assert await identity.active(token) == [False]
    assert await identity.active(await identity.service_token(text)) == [True]


async def test_use_is_stored_to_within_a_minute(identity, clock):
    text = await identity.add_key("robot")
    before = await get_key(identity)
    assert not before.HasField("use_time")

    for _ in range(3):
        await identity.service_token(text)
        await identity.api_keys.drain()
        clock.advance(20 * SECOND_NS)
    assert (await get_key(identity)).use_time.ToNanoseconds() == NOW_NS
    await identity.service_token(text)
    await identity.api_keys.drain()

    key = await get_key(identity)
    assert key.use_time.ToNanoseconds() == NOW_NS + MINUTE_NS
    assert key.etag == before.etag


async def test_the_token_does_not_wait_for_the_use_to_be_stored(identity, monkeypatch):
    text = await identity.add_key("robot")

    async def fail(*_, **__):
        raise UnavailableError("DATABASE_UNAVAILABLE", "the database cannot be used now")

    monkeypatch.setattr(identity.database, "execute", fail)

    assert await identity.active(await identity.service_token(text)) == [True]
    await identity.api_keys.drain()
    assert not (await get_key(identity)).HasField("use_time")


async def test_a_service_token_belongs_to_no_session(identity):
    token = await identity.service_token(await identity.add_key("robot"))
    session = identity.verifier.verify(token).session_id

    with pytest.raises(FailedPreconditionError) as caught:
        await identity.auth.SignOut(
            auth_pb2.SignOutRequest(), call_of("serviceAccounts/robot", session)
        )

    assert caught.value.reason == "NO_SESSION"
    assert await identity.active(token) == [True]


async def test_revocations_of_service_tokens_outlive_a_restart(identity, store, clock):
    text = await identity.add_key("robot")
    token = await identity.service_token(text)
    await update_key(identity, "disabled", disabled=True)
    await update_key(identity, "disabled", disabled=False)

    await identity.database.close()
    async with Identity.open(store, clock) as restarted:
        assert await restarted.active(token) == [False]
        assert await restarted.active(await restarted.service_token(text)) == [True]
