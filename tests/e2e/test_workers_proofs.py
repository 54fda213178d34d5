"""Tokens that are bound to a key, at two workers: each proof is good for one call of all."""

import hashlib
import json
import time
import uuid
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.security.signing_keys import SigningKey
from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc
from tests.e2e.workers import (
    PASSWORD,
    Metadata,
    code,
)
from tests.unit.native.tokens.token_factory import encode

ORIGIN = "https://blrcs.test"
SIGN_IN = "/blrcs.v1.AuthService/SignIn"
REFRESH = "/blrcs.v1.AuthService/Refresh"
GET_USER = "/blrcs.v1.UserService/GetUser"
ME = user_pb2.GetUserRequest(name="users/admin")
OK, REFUSED = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED

pytestmark = pytest.mark.usefixtures("admin")


@pytest.fixture
def worker_settings() -> dict[str, str]:
    return {"BLRCS_AUTH__PROOF_ORIGINS": json.dumps([ORIGIN])}


def proof(key: Ed25519PrivateKey, method: str, token: str = "", **claims: Any) -> tuple[str, str]:
    """A pair of metadata."""
    jwk = dict(SigningKey(key).jwks()[0])
    made = {"htm": "POST", "htu": f"{ORIGIN}{method}", "iat": int(time.time())} | claims
    made.setdefault("jti", uuid.uuid4().hex)
    if token:
        made["ath"] = encode(hashlib.sha256(token.encode()).digest())
    headers = {"typ": "dpop+jwt", "jwk": {name: jwk[name] for name in ("kty", "crv", "x")}}
    return "dpop", jwt.encode(made, key, algorithm="EdDSA", headers=headers)


def use(channel: grpc.Channel, metadata: Metadata) -> grpc.StatusCode:
    return code(lambda: user_pb2_grpc.UserServiceStub(channel).GetUser(ME, metadata=metadata))


def test_a_token_needs_a_new_proof_of_its_key_at_each_call(channels: list[grpc.Channel]) -> None:
    key, thief = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    stubs = [auth_pb2_grpc.AuthServiceStub(channel) for channel in channels]
    request = auth_pb2.SignInRequest(user_id="admin", password=PASSWORD)
    tokens = stubs[0].SignIn(request, metadata=[proof(key, SIGN_IN)]).tokens
    assert tokens.token_type == "DPoP"
    own = ("authorization", f"DPoP {tokens.access_token}")

    shown = proof(key, GET_USER, tokens.access_token)
    assert use(channels[0], [own, shown]) is OK
    for channel in channels:
        assert use(channel, [own, shown]) is REFUSED
        assert use(channel, [own, proof(key, GET_USER, tokens.access_token)]) is OK
        for stolen in (
            [own],
            [("authorization", f"Bearer {tokens.access_token}")],
            [own, proof(thief, GET_USER, tokens.access_token)],
            [own, proof(key, SIGN_IN, tokens.access_token)],
            [own, proof(key, GET_USER)],
            [("authorization", f"Bearer {tokens.access_token}"), proof(key, GET_USER)],
        ):
            assert use(channel, stolen) is REFUSED

    refresh = auth_pb2.RefreshRequest(refresh_token=tokens.refresh_token)
    for metadata in ([], [proof(thief, REFRESH)]):
        assert code(lambda: stubs[1].Refresh(refresh, metadata=metadata)) is REFUSED  # noqa: B023
    renewed = stubs[1].Refresh(refresh, metadata=[proof(key, REFRESH)]).tokens
    again = ("authorization", f"DPoP {renewed.access_token}")
    assert use(channels[0], [again, proof(key, GET_USER, renewed.access_token)]) is OK


def test_a_bad_proof_gets_no_token_at_all(channels: list[grpc.Channel]) -> None:
    stub = auth_pb2_grpc.AuthServiceStub(channels[0])
    request = auth_pb2.SignInRequest(user_id="admin", password=PASSWORD)
    key = Ed25519PrivateKey.generate()
    for bad in (
        proof(key, REFRESH),
        proof(key, SIGN_IN, iat=int(time.time()) - 3600),
        ("dpop", "x"),
    ):
        assert code(lambda: stub.SignIn(request, metadata=[bad])) is REFUSED  # noqa: B023
    assert stub.SignIn(request).tokens.token_type == "Bearer"
