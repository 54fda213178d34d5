"""Passkeys over a real database, and races for one of them."""

import asyncio
from types import SimpleNamespace

import pytest

from blrcs.database.repositories import second_factor
from blrcs.database.repositories.passkey_row import passkey_from_row
from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.second_factor import MAX_PASSKEYS
from blrcs.v1 import auth_pb2, credential_pb2
from tests.authenticator import Authenticator
from tests.integration.identity.identity import call_of

CALLERS = 20


@pytest.fixture(params=["ES256", "EdDSA", "RS256"])
def authenticator(request):
    return Authenticator(request.param)


@pytest.fixture
async def registered(identity, signed_in, authenticator):
    """What registering the passkey has answered."""
    claims = identity.verifier.verify(signed_in.tokens.access_token)
    call = call_of("users/alice", claims.session_id)
    call.principal.claims = claims
    service = identity.credential
    begun = await service.BeginPasskey(credential_pb2.BeginPasskeyRequest(), call)
    request = credential_pb2.FinishPasskeyRequest(
        registration_token=begun.registration_token,
        credential=authenticator.create(begun.options),
        display_name="laptop",
    )
    return await service.FinishPasskey(request, call)


async def begin(identity):
    request = auth_pb2.BeginPasskeySignInRequest()
    return (await identity.auth.BeginPasskeySignIn(request, call_of())).challenge


async def complete(identity, challenge, response):
    request = auth_pb2.CompleteSignInRequest(challenge_token=challenge.token, passkey=response)
    return await identity.auth.CompleteSignIn(request, call_of())


async def credentials(identity):
    request = credential_pb2.GetCredentialsRequest(name="users/alice/credentials")
    return await identity.credential.GetCredentials(request, call_of("users/admin"))


async def outcomes(*calls):
    results = await asyncio.gather(*calls, return_exceptions=True)
    for each in results:
        if isinstance(each, Exception) and not isinstance(each, UnauthenticatedError):
            raise each
    return sum(not isinstance(each, Exception) for each in results)


async def test_a_passkey_signs_in(identity, registered, authenticator, clock):
    assert len(registered.recovery_codes) == 10
    challenge = await begin(identity)

    signed_in = await complete(identity, challenge, authenticator.get(challenge.passkey_options))

    claims = identity.verifier.verify(signed_in.tokens.access_token)
    assert (claims.subject, claims.members["acr"]) == ("users/alice", "phr")
    stored = (await credentials(identity)).passkeys[0]
    assert stored.name == registered.passkey.name
    assert stored.display_name == "laptop"
    assert stored.use_time.ToNanoseconds() == clock()


async def test_one_answer_presented_by_many_at_once_succeeds_once(
    identity, registered, authenticator
):
    challenge = await begin(identity)
    response = authenticator.get(challenge.passkey_options)

    calls = [complete(identity, challenge, response) for _ in range(CALLERS)]

    assert await outcomes(*calls) == 1


async def test_without_a_count_the_challenge_still_is_used_once(
    identity, registered, authenticator
):
    authenticator.count = None
    challenge = await begin(identity)
    response = authenticator.get(challenge.passkey_options)

    calls = [complete(identity, challenge, response) for _ in range(CALLERS)]

    assert await outcomes(*calls) == 1


async def test_a_removed_passkey_signs_nobody_in(identity, registered, authenticator):
    challenge = await begin(identity)
    request = credential_pb2.DeletePasskeyRequest(name=registered.passkey.name)
    await identity.credential.DeletePasskey(request, call_of("users/alice"))

    with pytest.raises(UnauthenticatedError):
        await complete(identity, challenge, authenticator.get(challenge.passkey_options))

    left = await credentials(identity)
    assert (len(left.passkeys), left.recovery_codes_left) == (0, 0)
    assert (await identity.sign_in("alice")).tokens.access_token


async def test_a_reset_removes_passkeys_too(identity, registered):
    request = credential_pb2.ResetCredentialsRequest(name="users/alice")
    await identity.credential.ResetCredentials(request, call_of("users/admin"))

    assert not (await credentials(identity)).passkeys


async def test_of_many_finished_at_once_as_many_stay_as_one_may_have(identity, signed_in):
    call = call_of("users/alice")
    # A second factor has been proven: from the first one on it has to be.
    call.principal.claims = SimpleNamespace(members={"acr": "aal2"})
    service = identity.credential
    begun = [
        await service.BeginPasskey(credential_pb2.BeginPasskeyRequest(), call)
        for _ in range(MAX_PASSKEYS + 4)
    ]
    requests = [
        credential_pb2.FinishPasskeyRequest(
            registration_token=each.registration_token,
            credential=Authenticator().create(each.options),
        )
        for each in begun
    ]
    for request in requests[: MAX_PASSKEYS - 1]:
        await service.FinishPasskey(request, call)
    last = [service.FinishPasskey(each, call) for each in requests[MAX_PASSKEYS - 1 :]]
    results = await asyncio.gather(*last, return_exceptions=True)

    assert sum(not isinstance(each, Exception) for each in results) == 1
    assert len((await credentials(identity)).passkeys) == MAX_PASSKEYS


async def test_who_looks_for_an_unknown_passkey_reads_one_all_the_same(
    identity, registered, authenticator, monkeypatch
):
    read = []

    def from_row(row):
        read.append(row.id)
        return passkey_from_row(row)

    monkeypatch.setattr(second_factor, "passkey_from_row", from_row)
    find = identity.second_factors.find_passkey

    assert (await find(authenticator.credential_id)).user_id == "alice"
    for unknown in (b"", bytes(32), b"\xff" * 32, authenticator.credential_id[:-1]):
        assert await find(unknown) is None

    assert read == read[:1] * 5
