"""Forged, altered, stolen and worn-out tokens."""

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.security.signing_keys import SigningKey, load_signing_key
from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2
from tests.attacks.world import ATTACKER, VICTIM, World, reason_in
from tests.e2e.workers import PASSWORD, bearer

GET_USER = "/blrcs.v1.UserService/GetUser"
VICTIM_REQUEST = user_pb2.GetUserRequest(name=f"users/{VICTIM}").SerializeToString()
ORDER = 2**252 + 27742317777372353535851937790883648493
MUTATIONS = 300


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Forger:
    """Signs with the server's own key what the server never would."""

    def __init__(self, world: World) -> None:
        self.key: SigningKey = load_signing_key(world.data / "signing_key.pem")
        self.good = world.alice[0][1].removeprefix("Bearer ")
        header, payload, _ = self.good.split(".")
        self.header: dict[str, Any] = json.loads(decode(header))
        self.payload: dict[str, Any] = json.loads(decode(payload))

    def sign(self, header: str, payload: str) -> str:
        message = f"{encode(header.encode())}.{encode(payload.encode())}"
        return f"{message}.{encode(self.key.private_key.sign(message.encode()))}"

    def claims(self, **changes: Any) -> str:
        return self.sign(json.dumps(self.header), json.dumps(self._changed(self.payload, changes)))

    def heads(self, **changes: Any) -> str:
        return self.sign(json.dumps(self._changed(self.header, changes)), json.dumps(self.payload))

    def unsigned(self, algorithm: str, signature: str = "") -> str:
        header = json.dumps(self.header | {"alg": algorithm})
        message = f"{encode(header.encode())}.{encode(json.dumps(self.payload).encode())}"
        return f"{message}.{signature}"

    def with_secret(self, secret: bytes, algorithm: str = "HS256") -> str:
        message = self.unsigned(algorithm).rstrip(".")
        digest = hmac.new(secret, message.encode(), hashlib.sha256).digest()
        return f"{message}.{encode(digest)}"

    def signed_by_another(self, **header: Any) -> str:
        stranger = Ed25519PrivateKey.generate()
        jwk = dict(SigningKey(stranger).jwks()[0])
        chosen = {name: jwk if value == "JWK" else value for name, value in header.items()}
        heads = self._changed(self.header, chosen)
        message = (
            f"{encode(json.dumps(heads).encode())}.{encode(json.dumps(self.payload).encode())}"
        )
        return f"{message}.{encode(stranger.sign(message.encode()))}"

    def malleable(self) -> str:
        """The good token with S + L in place of S."""
        message, _, signature = self.good.rpartition(".")
        octets = decode(signature)
        s = int.from_bytes(octets[32:], "little") + ORDER
        return f"{message}.{encode(octets[:32] + s.to_bytes(32, 'little'))}"

    def stray_bits(self) -> str:
        """The good token with a bit set that no octet has."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return self.good[:-1] + alphabet[alphabet.index(self.good[-1]) ^ 1]

    @property
    def public_texts(self) -> list[bytes]:
        """What of the key is public, in every form in which somebody may take it for a secret."""
        public = self.key.private_key.public_key()
        forms = [
            (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
            (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
            (serialization.Encoding.Raw, serialization.PublicFormat.Raw),
        ]
        return [
            *(public.public_bytes(*form) for form in forms),
            json.dumps(self.key.jwks()[0]).encode(),
            self.key.kid.encode(),
            b"",
        ]

    @staticmethod
    def _changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in (members | changes).items() if each is not ...}


@pytest.fixture
def forger(unharmed: World) -> Forger:
    return Forger(unharmed)


def attempt(world: World, token: str, scheme: str = "Bearer") -> tuple[grpc.StatusCode, str]:
    code, message, trailers, _ = world.call(
        GET_USER, VICTIM_REQUEST, [("authorization", f"{scheme} {token}")]
    )
    assert not token or token[:20] not in message
    return code, "" if code is grpc.StatusCode.OK else reason_in(trailers)


def assert_refused(world: World, token: str, reason: str | None = None) -> None:
    code, told = attempt(world, token)
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert reason is None or told == reason


def test_what_the_forger_changes_is_what_is_refused(unharmed: World, forger: Forger) -> None:
    assert attempt(unharmed, forger.good)[0] is grpc.StatusCode.OK
    assert attempt(unharmed, forger.claims())[0] is grpc.StatusCode.OK
    assert attempt(unharmed, forger.heads(jwk={}, jku="x", x5u="x", x5c=[]))[0] is (
        grpc.StatusCode.OK
    )


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", "null"])
def test_no_algorithm_is_no_signature(unharmed: World, forger: Forger, name: str) -> None:
    for signature in ("", "AA", forger.good.rpartition(".")[2]):
        assert_refused(unharmed, forger.unsigned(name, signature))
    assert_refused(unharmed, forger.good.rpartition(".")[0] + ".")
    assert_refused(unharmed, forger.good.rpartition(".")[0])


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "EdDSA"])
def test_a_public_key_is_no_secret(unharmed: World, forger: Forger, algorithm: str) -> None:
    for secret in forger.public_texts:
        assert_refused(unharmed, forger.with_secret(secret, algorithm))


def test_a_key_has_one_algorithm(unharmed: World, forger: Forger) -> None:
    for algorithm in ("RS256", "ES256", "ES512", "Ed448", "PS256", "eddsa", 7, None, ...):
        assert_refused(unharmed, forger.heads(alg=algorithm))


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": "JWK"},
        {"jwk": "JWK", "kid": ...},
        {"jku": "http://127.0.0.1:1/keys"},
        {"x5u": "http://169.254.169.254/latest/meta-data/"},
        {"x5c": ["AAAA"]},
        {"kid": "../signing_key.pem"},
        {"kid": "/dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": ""},
        {"kid": None},
        {"kid": ["x"]},
    ],
)
def test_a_token_does_not_choose_its_key(
    unharmed: World, forger: Forger, header: dict[str, Any]
) -> None:
    assert_refused(unharmed, forger.signed_by_another(**header))


def test_what_is_critical_must_be_understood(unharmed: World, forger: Forger) -> None:
    for heads in ({"crit": ["exp"]}, {"crit": []}, {"crit": None}, {"b64": False}, {"b64": 0}):
        assert_refused(unharmed, forger.heads(**heads), "TOKEN_CRITICAL_UNSUPPORTED")


def test_a_member_is_written_once(unharmed: World, forger: Forger) -> None:
    header, payload = json.dumps(forger.header), json.dumps(forger.payload)
    twice = f'{{"sub": "users/admin", {payload[1:]}'
    assert_refused(unharmed, forger.sign(header, twice), "TOKEN_CLAIMS_INVALID")
    twice = f'{{"alg": "none", {header[1:]}'
    assert_refused(unharmed, forger.sign(twice, payload), "TOKEN_HEADER_INVALID")


@pytest.mark.parametrize(
    "alter",
    [
        lambda forger: forger.good + "=",
        lambda forger: forger.good.replace(".", ". ", 1),
        lambda forger: forger.good + ".",
        lambda forger: "." + forger.good,
        lambda forger: forger.good + "." + forger.good,
        lambda forger: forger.good.replace("_", "/").replace("-", "+") + "+",
        lambda forger: forger.good.upper(),
        lambda _: "." * 8192,
        lambda _: "..",
        lambda _: "",
        Forger.malleable,
        Forger.stray_bits,
    ],
)
def test_a_token_has_one_form(
    unharmed: World, forger: Forger, alter: Callable[[Forger], str]
) -> None:
    assert_refused(unharmed, alter(forger))


def test_size_and_depth_are_bounded(unharmed: World, forger: Forger) -> None:
    assert_refused(unharmed, "a" * 8193, "TOKEN_TOO_LARGE")
    assert_refused(unharmed, forger.claims(x="a" * 8192), "TOKEN_TOO_LARGE")
    deep = "[" * 200 + "]" * 200
    payload = f'{json.dumps(forger.payload)[:-1]}, "x": {deep}}}'
    assert_refused(unharmed, forger.sign(json.dumps(forger.header), payload))
    for dotted in (
        "." * 8192,
        "a." * 4096,
        f"{forger.good}{'.' * 4000}",
        forger.good.rpartition(".")[0],
    ):
        assert_refused(unharmed, dotted, "TOKEN_MALFORMED")


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    ["true", "null", '"9999999999"', "1e400", "NaN", "Infinity", "-1", "9223372036854775808",
     "1e19", "[9999999999]", "{}", '""'],
)  # fmt: skip
def test_a_time_is_a_number(unharmed: World, forger: Forger, claim: str, value: str) -> None:
    rest = {name: each for name, each in forger.payload.items() if name != claim}
    payload = f'{json.dumps(rest)[:-1]}, "{claim}": {value}}}'
    assert_refused(unharmed, forger.sign(json.dumps(forger.header), payload))


def test_times_hold(unharmed: World, forger: Forger) -> None:
    now = int(time.time())
    assert_refused(unharmed, forger.claims(exp=now - 31), "TOKEN_EXPIRED")
    assert_refused(unharmed, forger.claims(exp=...), "TOKEN_CLAIMS_INVALID")
    assert_refused(unharmed, forger.claims(nbf=now + 60), "TOKEN_NOT_YET_VALID")
    assert_refused(unharmed, forger.claims(iat=now + 60), "TOKEN_ISSUED_IN_FUTURE")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "blrcs2"}, "TOKEN_ISSUER_UNTRUSTED"),
        ({"iss": "BLRCS"}, "TOKEN_ISSUER_UNTRUSTED"),
        ({"iss": "blrcs/"}, "TOKEN_ISSUER_UNTRUSTED"),
        ({"iss": ["blrcs"]}, "TOKEN_CLAIMS_INVALID"),
        ({"iss": ...}, "TOKEN_CLAIMS_INVALID"),
        ({"aud": "other"}, "TOKEN_AUDIENCE_MISMATCH"),
        ({"aud": []}, "TOKEN_AUDIENCE_MISMATCH"),
        ({"aud": ["other", "blrcs2"]}, "TOKEN_AUDIENCE_MISMATCH"),
        ({"aud": {"blrcs": 1}}, "TOKEN_CLAIMS_INVALID"),
        ({"aud": ...}, "TOKEN_CLAIMS_INVALID"),
        ({"sub": ["users/admin"]}, "TOKEN_CLAIMS_INVALID"),
        ({"sub": ""}, "TOKEN_CLAIMS_INVALID"),
        ({"cnf": {"kid": "x"}}, "TOKEN_CLAIMS_INVALID"),
        ({"cnf": {"x5t#S256": "x"}}, "TOKEN_CERTIFICATE_MISMATCH"),
        ({"cnf": {"jkt": "x"}}, "TOKEN_PROOF_MISSING"),
        ({"act": "users/admin"}, "TOKEN_CLAIMS_INVALID"),
    ],
)
def test_what_a_token_says_of_itself_is_held_against_it(
    unharmed: World, forger: Forger, claims: dict[str, Any], reason: str
) -> None:
    assert_refused(unharmed, forger.claims(**claims), reason)


@pytest.mark.parametrize(
    "kind", ["JWT", "id+jwt", "dpop+jwt", "at+jwt ", "application/jwt", 7, ...]
)
def test_a_token_is_of_the_one_kind(unharmed: World, forger: Forger, kind: Any) -> None:
    assert_refused(unharmed, forger.heads(typ=kind))


def test_other_schemes_and_secrets_are_no_tokens(unharmed: World, forger: Forger) -> None:
    assert attempt(unharmed, forger.good, "Basic")[1] == "TOKEN_SCHEME_UNKNOWN"
    assert attempt(unharmed, forger.good, "DPoP")[1] == "TOKEN_UNBOUND"
    request = auth_pb2.SignInRequest(user_id=ATTACKER, password=PASSWORD)
    tokens = auth_pb2_grpc.AuthServiceStub(unharmed.channel).SignIn(request).tokens
    assert_refused(unharmed, tokens.refresh_token)
    twice = [*bearer(forger.good), *bearer(tokens.access_token)]
    code, _, trailers, _ = unharmed.call(GET_USER, VICTIM_REQUEST, twice)
    assert (code, reason_in(trailers)) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "TOKEN_AMBIGUOUS",
    )


def test_no_altered_token_is_taken(unharmed: World, forger: Forger) -> None:
    chance = random.Random(7)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ "
    for _ in range(MUTATIONS):
        place = chance.randrange(len(forger.good))
        letter = chance.choice(alphabet.replace(forger.good[place], ""))
        kind = chance.randrange(3)
        kept = forger.good[place + 1 :] if kind else forger.good[place:]
        altered = forger.good[:place] + ("" if kind == 2 else letter) + kept
        if altered != forger.good and altered == altered.strip():
            assert_refused(unharmed, altered)


def test_a_remembered_token_ends_with_its_session(attacked: World) -> None:
    stub = auth_pb2_grpc.AuthServiceStub(attacked.channel)
    request = auth_pb2.SignInRequest(user_id=VICTIM, password=PASSWORD)
    token = stub.SignIn(request).tokens.access_token
    for _ in range(3):
        assert attempt(attacked, token)[0] is grpc.StatusCode.OK
    stub.SignOut(auth_pb2.SignOutRequest(), metadata=bearer(token))
    assert_refused(attacked, token, "TOKEN_REVOKED")


def test_nobody_acts_for_another_without_leave(unharmed: World, forger: Forger) -> None:
    stub = auth_pb2_grpc.AuthServiceStub(unharmed.channel)
    for subject in (VICTIM, "admin"):
        request = auth_pb2.ExchangeTokenRequest(
            subject=f"users/{subject}",
            subject_token=forger.good,
            audience="blrcs",
            scope=["blrcs.users.get"],
        )
        with pytest.raises(grpc.RpcError) as refused:
            stub.ExchangeToken(request, metadata=unharmed.mallory)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    # Nor does one's own token become wider, or good for an audience that is not named.
    request.subject = f"users/{VICTIM}"
    with pytest.raises(grpc.RpcError) as refused:
        stub.ExchangeToken(request, metadata=unharmed.alice)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    revoke = auth_pb2.RevokeTokensRequest(subject=f"users/{VICTIM}")
    with pytest.raises(grpc.RpcError) as refused:
        stub.RevokeTokens(revoke, metadata=unharmed.mallory)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert attempt(unharmed, forger.good)[0] is grpc.StatusCode.OK


@pytest.mark.parametrize("scope", ["blrcs.users.update", "", "*x", "blrcs.users", "openid"])
def test_a_scope_that_lacks_the_permission_denies(
    unharmed: World, forger: Forger, scope: str
) -> None:
    code, _ = attempt(unharmed, forger.claims(scope=scope))
    # Whoever owns what it asks for, too.
    assert code is grpc.StatusCode.PERMISSION_DENIED
    for wide in ("blrcs.users.get", "blrcs.users.*", "blrcs.*", "x blrcs.users.get"):
        assert attempt(unharmed, forger.claims(scope=wide))[0] is grpc.StatusCode.OK
