"""What is refused as a credential is refused in one way, whatever was wrong with it."""

import os
from collections.abc import Iterator

import grpc
import pytest

from blrcs.security.api_key_secrets import ALPHABET, ID_BYTES, generate_api_key
from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc
from tests.attacks.world import ATTACKER, World
from tests.e2e.workers import PASSWORD, bearer

ISSUE = "/blrcs.v1.AuthService/IssueServiceToken"
REFRESH = "/blrcs.v1.AuthService/Refresh"
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
