"""What is refused as a credential is refused in one way, whatever was wrong with it."""

import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from blrcs.security.api_key_secrets import ALPHABET, ID_BYTES, generate_api_key
from blrcs.v1 import (
    auth_pb2,
    auth_pb2_grpc,
    credential_pb2,
    credential_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.attacks.test_sign_in import PASSKEYS, Victim
from tests.attacks.world import ATTACKER, World, world
from tests.authenticator import Authenticator
from tests.e2e.workers import PASSWORD, bearer
from tests.transports import TRANSPORTS

ISSUE = "/blrcs.v1.AuthService/IssueServiceToken"
REFRESH = "/blrcs.v1.AuthService/Refresh"
COMPLETE = "/blrcs.v1.AuthService/CompleteSignIn"
ACCOUNTS = ("used", "closed", "gone", "off")
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


def made_up(beginning_as: str = "") -> str:
    """A key of the right form; with the octets that another key is known by, if that is given."""
    number = 0
    for digit in beginning_as.split("_")[1] if beginning_as else "":
        number = number * len(ALPHABET) + ALPHABET.index(digit)

    def random(count: int) -> bytes:
        is_known = beginning_as and count == ID_BYTES
        return number.to_bytes(count, "big") if is_known else os.urandom(count)

    return generate_api_key(random).text


def answers(world: World, method: str, requests: list[bytes]) -> set[tuple[object, ...]]:
    """How calls end, each: the code, the text and all trailers."""
    found = set()
    for each in requests:
        code, details, trailers, reply = world.call(method, each)
        found.add((code, details, tuple(sorted(trailers.items())), reply))
    return found


@pytest.fixture
def keys(unharmed: World) -> Iterator[list[str]]:
    """Keys with each of which something is wrong."""
    users = user_pb2_grpc.UserServiceStub(unharmed.channel)
    own = {"metadata": unharmed.admin}
    made: dict[str, user_pb2.CreateApiKeyResponse] = {}
    for account in ACCOUNTS:
        users.CreateServiceAccount(
            user_pb2.CreateServiceAccountRequest(service_account_id=account, service_account={}),
            **own,
        )
        made[account] = users.CreateApiKey(
            user_pb2.CreateApiKeyRequest(parent=f"serviceAccounts/{account}", api_key={}), **own
        )
    mask = {"paths": ["disabled"]}
    users.UpdateApiKey(
        user_pb2.UpdateApiKeyRequest(
            api_key={"name": made["off"].api_key.name, "disabled": True}, update_mask=mask
        ),
        **own,
    )
    users.UpdateServiceAccount(
        user_pb2.UpdateServiceAccountRequest(
            service_account={"name": "serviceAccounts/closed", "disabled": True}, update_mask=mask
        ),
        **own,
    )
    users.DeleteApiKey(user_pb2.DeleteApiKeyRequest(name=made["gone"].api_key.name), **own)
    known = made["used"].key
    wrong = [made_up(), made_up(known), known[:-1] + "~", known[:-1], known.swapcase()]
    yield [*wrong, *(made[account].key for account in ("closed", "gone", "off"))]
    for account in ACCOUNTS:
        request = user_pb2.DeleteServiceAccountRequest(name=f"serviceAccounts/{account}")
        users.DeleteServiceAccount(request, **own)


def test_no_answer_tells_what_is_wrong_with_an_api_key(unharmed: World, keys: list[str]) -> None:
    requests = [auth_pb2.IssueServiceTokenRequest(api_key=key).SerializeToString() for key in keys]
    (answer,) = answers(unharmed, ISSUE, requests)
    assert answer[0] is UNAUTHENTICATED


def test_no_answer_tells_what_is_wrong_with_a_refresh_token(unharmed: World) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(unharmed.channel)

    def tokens() -> auth_pb2.Tokens:
        request = auth_pb2.SignInRequest(user_id=ATTACKER, password=PASSWORD)
        reply: auth_pb2.SignInResponse = auth.SignIn(request)
        return reply.tokens

    spent, ended = tokens(), tokens()
    newer = auth.Refresh(auth_pb2.RefreshRequest(refresh_token=spent.refresh_token)).tokens
    auth.SignOut(auth_pb2.SignOutRequest(), metadata=bearer(ended.access_token))
    shown = [
        spent.refresh_token,
        # Its session has ended with that.
        newer.refresh_token,
        ended.refresh_token,
        ended.refresh_token[::-1],
        "x" * len(ended.refresh_token),
    ]
    requests = [auth_pb2.RefreshRequest(refresh_token=each).SerializeToString() for each in shown]
    (answer,) = answers(unharmed, REFRESH, requests)
    assert answer[0] is UNAUTHENTICATED


@pytest.fixture(params=TRANSPORTS)
def besieged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """One for a single test, which may use up what anybody has."""
    with world(tmp_path, request.param, **PASSKEYS) as started:
        yield started


def registered(world: World) -> Authenticator:
    """The attacker's passkey, its only second factor."""
    stub = credential_pb2_grpc.CredentialServiceStub(world.channel)
    own = {"metadata": world.mallory}
    begun = stub.BeginPasskey(credential_pb2.BeginPasskeyRequest(), **own)
    made = Authenticator()
    finish = credential_pb2.FinishPasskeyRequest(
        registration_token=begun.registration_token, credential=made.create(begun.options)
    )
    stub.FinishPasskey(finish, **own)
    return made


def completion(token: str, **proof: str) -> bytes:
    request = auth_pb2.CompleteSignInRequest(challenge_token=token, **proof)
    return request.SerializeToString()


def test_no_answer_tells_what_is_wrong_with_a_code(besieged: World) -> None:
    victim = Victim(besieged)
    registered(besieged)
    used, recovery = victim.next_code(), victim.recovery_codes[0]
    assert victim.answer(victim.challenge().token, totp_code=used) == ""
    assert victim.answer(victim.challenge().token, recovery_code=recovery) == ""
    request = auth_pb2.SignInRequest(user_id=ATTACKER, password=PASSWORD)
    without = victim.auth.SignIn(request).challenge.token
    with_one = victim.challenge().token
    requests = [
        completion(with_one, totp_code=used),
        completion(with_one, totp_code="000000"),
        completion(with_one, recovery_code=recovery),
        completion(with_one, recovery_code=recovery[::-1]),
        # Who has no authenticator, and other recovery codes.
        completion(without, totp_code=used),
        completion(without, recovery_code=recovery),
    ]
    (answer,) = answers(besieged, COMPLETE, requests)
    assert answer[0] is UNAUTHENTICATED


def test_no_answer_tells_what_is_wrong_with_a_passkey(besieged: World) -> None:
    victim = Victim(besieged)
    owner, forger, stranger = registered(besieged), Authenticator(), Authenticator()
    forger.credential_id = owner.credential_id

    def begun() -> auth_pb2.SignInChallenge:
        return victim.auth.BeginPasskeySignIn(auth_pb2.BeginPasskeySignInRequest()).challenge

    requests = []
    for who, handle in (
        (stranger, b""),
        (stranger, owner.handle),
        (forger, owner.handle),
        (forger, b""),
        (forger, owner.credential_id),
        (owner, owner.credential_id),
    ):
        asked = begun()
        who.handle = handle
        requests.append(completion(asked.token, passkey=who.get(asked.passkey_options)))
    # Beside the password of somebody else.
    beside = victim.challenge().token
    owner.handle = b""
    requests.append(completion(beside, passkey=owner.get(begun().passkey_options)))
    (answer,) = answers(besieged, COMPLETE, requests)
    assert answer[0] is UNAUTHENTICATED
