"""A stolen token that is bound to a key, with proofs that are used, old, or for something else."""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.security.signing_keys import SigningKey
from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2
from tests.attacks.hostile_keys import encode
from tests.attacks.hostile_keys import token as assembled
from tests.attacks.world import SERVICES, UNLIMITED, VICTIM, World, reason_in, world
from tests.e2e.gate import REGISTER, write_gate
from tests.e2e.test_workers_proofs import GET_USER, ORIGIN, REFRESH, SIGN_IN, proof
from tests.e2e.workers import PASSWORD, Metadata, bearer, channels_to_all
from tests.transports import TRANSPORTS

LIST = "/blrcs.v1.UserService/ListUsers"
PROVEN = "/blrcs.v1.UserService/ListServiceAccounts"
EITHER = "/blrcs.v1.UserService/GetServiceAccount"
ME = user_pb2.GetUserRequest(name=f"users/{VICTIM}").SerializeToString()
INVALID = "TOKEN_PROOF_INVALID"
MISSING = "TOKEN_PROOF_MISSING"
MAX_AGE_S = 60
KEY, THIEF = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


@dataclass(frozen=True, slots=True)
class Bound:
    """A server of two workers, a channel to each, and a token of VICTIM that is bound to KEY."""

    world: World
    channels: list[grpc.Channel]
    tokens: auth_pb2.Tokens

    @property
    def token(self) -> str:
        return self.tokens.access_token

    def outcome(self, metadata: Metadata, worker: int = 0) -> str:
        """Why VICTIM is not told who she is; empty where she is."""
        self.world.channel = self.channels[worker]
        code, _, trailers, _ = self.world.call(GET_USER, ME, metadata)
        if code is grpc.StatusCode.OK:
            return ""
        assert code is grpc.StatusCode.UNAUTHENTICATED
        return reason_in(trailers)

    def with_token(self, *proofs: tuple[str, str]) -> Metadata:
        return [("authorization", f"DPoP {self.token}"), *proofs]

    def proven(self, **claims: Any) -> tuple[str, str]:
        """A good proof for GET_USER, but for what is changed."""
        return proof(KEY, GET_USER, self.token, **claims)


@pytest.fixture(scope="module", params=TRANSPORTS)
def bound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bound]:
    directory = tmp_path_factory.mktemp("bound_to_keys")
    write_gate(directory)
    with (
        world(
            directory,
            request.param,
            *("--service", REGISTER, "--workers", "2"),
            BLRCS_AUTH__PROOF_ORIGINS=json.dumps([ORIGIN]),
            BLRCS_POLICIES=json.dumps(
                {f"/blrcs.v1.{name}Service/*": UNLIMITED for name in SERVICES}
                | {PROVEN: UNLIMITED | {"token_binding": "dpop"}}
                | {EITHER: UNLIMITED | {"token_binding": "any"}}
            ),
        ) as started,
        channels_to_all(started.server, 2) as channels,
    ):
        stub = auth_pb2_grpc.AuthServiceStub(started.channel)
        request_ = auth_pb2.SignInRequest(user_id=VICTIM, password=PASSWORD)
        tokens = stub.SignIn(request_, metadata=[proof(KEY, SIGN_IN)]).tokens
        yield Bound(started, list(channels.values()), tokens)


def test_a_proof_that_was_used_is_good_on_no_worker(bound: Bound) -> None:
    for first in (0, 1):
        shown = bound.with_token(bound.proven())
        assert bound.outcome(shown, first) == ""
        assert {bound.outcome(shown, worker) for worker in (0, 1, 0, 1)} == {INVALID}
    # Nor by another text with the same id.
    once = uuid.uuid4().hex
    assert bound.outcome(bound.with_token(bound.proven(jti=once))) == ""
    again = bound.with_token(bound.proven(jti=once, iat=int(time.time()) - 1))
    assert bound.outcome(again, 1) == INVALID


@pytest.mark.parametrize(
    "claims",
    [
        {"htm": "GET"}, {"htm": "post"}, {"htm": ["POST"]},
        {"htu": f"{ORIGIN}{LIST}"}, {"htu": GET_USER}, {"htu": f"http://blrcs.test{GET_USER}"},
        {"htu": f"{ORIGIN}{GET_USER}/"}, {"htu": f"{ORIGIN}/{GET_USER}"},
        {"htu": f"{ORIGIN}{GET_USER}/?"}, {"htu": f"{ORIGIN}?{GET_USER}"},
        {"htu": f"{ORIGIN}#{GET_USER}"}, {"htu": f"{ORIGIN}{GET_USER}/.."},
        {"htu": f"{ORIGIN}:444{GET_USER}"}, {"htu": f"{ORIGIN}/%2F..{GET_USER}%00"},
        {"htu": f"{ORIGIN}.else.example{GET_USER}"}, {"htu": f"https://u@blrcs.test{GET_USER}"},
        {"htu": f"{ORIGIN}{GET_USER}".upper()}, {"htu": [f"{ORIGIN}{GET_USER}"]},
        {"ath": ""}, {"ath": None}, {"ath": "x"}, {"ath": encode(bytes(32))},
        {"jti": ""}, {"jti": "x" * 129}, {"jti": None}, {"jti": 7}, {"jti": ["x"]},
        {"iat": None}, {"iat": True}, {"iat": "now"}, {"iat": 10**18}, {"iat": -1},
    ],
)  # fmt: skip
def test_a_proof_for_something_else_is_for_nothing(bound: Bound, claims: dict[str, Any]) -> None:
    assert bound.outcome(bound.with_token(altered(bound, claims=claims))) == INVALID


@pytest.mark.parametrize("skew_s", [-2 * MAX_AGE_S, 2 * MAX_AGE_S])
def test_a_proof_is_of_now_give_or_take_a_minute(bound: Bound, skew_s: int) -> None:
    now_s = int(time.time())
    assert bound.outcome(bound.with_token(bound.proven(iat=now_s + skew_s))) == INVALID
    assert bound.outcome(bound.with_token(bound.proven(iat=now_s + skew_s // 4))) == ""


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": "at+jwt"}, {"typ": ...}, {"typ": "DPOP+JWT"},
        {"alg": "none"}, {"alg": "ES256"}, {"alg": "HS256"}, {"alg": ["EdDSA"]}, {"alg": ...},
        {"crit": ["exp"]}, {"jwk": ...}, {"jwk": "x"}, {"jwk": []}, {"jwk": {}},
        {"jwk": {"kty": "OKP", "crv": "Ed25519"}},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
    ],
)  # fmt: skip
def test_a_proof_has_one_form(bound: Bound, header: dict[str, Any]) -> None:
    assert bound.outcome(bound.with_token(altered(bound, header=header))) == INVALID


def challenge(bound: Bound, method: str, metadata: Metadata) -> object:
    code, _, trailers, _ = bound.world.call(method, ME, metadata)
    assert code is grpc.StatusCode.UNAUTHENTICATED
    return trailers["www-authenticate"]


def test_who_lacks_a_proof_is_challenged_for_one(bound: Bound) -> None:
    """RFC 9449, section 7.1."""
    algorithms = 'algs="ES256 EdDSA"'
    assert challenge(bound, GET_USER, bearer(bound.token)) == (
        f'DPoP error="invalid_token", {algorithms}'
    )
    strange = bound.with_token(proof(THIEF, GET_USER, bound.token))
    for shown in (bound.with_token(), strange):
        assert challenge(bound, GET_USER, shown) == f'DPoP error="invalid_dpop_proof", {algorithms}'
    assert challenge(bound, GET_USER, ()) == "Bearer"
    assert challenge(bound, PROVEN, ()) == f"DPoP {algorithms}"
    assert challenge(bound, PROVEN, bound.world.admin) == (
        f'DPoP error="invalid_token", {algorithms}'
    )
    for wrong in (bearer("x"), [("authorization", f"DPoP {bound.token}x"), bound.proven()]):
        assert challenge(bound, PROVEN, wrong) == f'DPoP error="invalid_token", {algorithms}'
    assert challenge(bound, EITHER, ()) == f"Bearer, DPoP {algorithms}"
    assert challenge(bound, EITHER, bound.world.admin) == (
        f'Bearer error="invalid_token", DPoP error="invalid_token", {algorithms}'
    )


def test_a_proof_is_signed_by_the_very_key(bound: Bound) -> None:
    own = dict(SigningKey(KEY).jwks()[0])
    shown = {name: own[name] for name in ("kty", "crv", "x")}
    secret = KEY.public_key().public_bytes_raw()
    for sign in (
        THIEF.sign,
        lambda _: b"",
        lambda _: bytes(64),
        lambda message: KEY.sign(message) + b"\0",
        partial(hmac.digest, secret, digest="sha256"),
    ):
        assert bound.outcome(bound.with_token(altered(bound, sign=sign))) == INVALID
    for jwk in (shown | {"d": encode(bytes(32))}, shown | {"x": f"{shown['x']}="}):
        assert bound.outcome(bound.with_token(altered(bound, header={"jwk": jwk}))) == INVALID
    assert bound.outcome(bound.with_token(proof(THIEF, GET_USER, bound.token))) == INVALID


def test_a_call_shows_one_proof_with_one_token_of_its_scheme(bound: Bound) -> None:
    name, text = bound.proven()
    by_bearer = ("authorization", f"Bearer {bound.token}")
    for metadata, reason in (
        (bound.with_token(), INVALID),
        (bound.with_token((name, text), (name, text)), INVALID),
        (bound.with_token((name, f"{text},{text}")), INVALID),
        (bound.with_token((name, text.upper())), INVALID),
        (bound.with_token((name, "x" * 4097)), INVALID),
        ([by_bearer], MISSING),
        ([by_bearer, (name, text)], MISSING),
    ):
        assert bound.outcome(metadata) == reason
    # None of these has used it up.
    assert bound.outcome(bound.with_token((name, text)), 1) == ""


def test_a_stolen_refresh_token_is_good_with_the_key_alone(bound: Bound) -> None:
    request = auth_pb2.RefreshRequest(refresh_token=bound.tokens.refresh_token)
    for metadata in ([], [proof(THIEF, REFRESH)], [proof(KEY, SIGN_IN)], [bound.proven()]):
        for channel in bound.channels:
            bound.world.channel = channel
            code, *_ = bound.world.call(REFRESH, request.SerializeToString(), metadata)
            assert code is grpc.StatusCode.UNAUTHENTICATED
    # The session goes on.
    assert bound.outcome(bound.with_token(bound.proven())) == ""


def altered(
    bound: Bound,
    *,
    header: dict[str, Any] | None = None,
    claims: dict[str, Any] | None = None,
    sign: Any = KEY.sign,
) -> tuple[str, str]:
    """A proof for GET_USER of which something is wrong."""
    jwk = SigningKey(KEY).jwks()[0]
    heads = {"typ": "dpop+jwt", "alg": "EdDSA"}
    heads |= {"jwk": {name: jwk[name] for name in ("kty", "crv", "x")}} | (header or {})
    made = {"htm": "POST", "htu": f"{ORIGIN}{GET_USER}", "iat": int(time.time())}
    made |= {"jti": uuid.uuid4().hex, "ath": encode(hashlib.sha256(bound.token.encode()).digest())}
    return "dpop", assembled(heads, made | (claims or {}), sign)
