"""Forged tokens of an issuer with RSA, ECDSA and Ed25519 keys, and keys that nobody may trust."""

import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from blrcs.security.signing_keys import load_signing_key
from blrcs.v1 import user_pb2
from tests.attacks import hostile_keys as keys
from tests.attacks.hostile_keys import Key, Sign
from tests.attacks.world import World, reason_in, world
from tests.e2e.workers import bearer, until
from tests.servers.issuer import DISCOVERY, KEYS, Issuer, issuer
from tests.transports import TRANSPORTS

LIST = "/blrcs.v1.UserService/ListUsers"
REQUEST = user_pb2.ListUsersRequest().SerializeToString()
KNOWN = "keys of an issuer are known"
MAX_TOKEN_TTL_S = 86_400

GOOD = {
    "rsa": keys.of_rsa(keys.rsa_key()),
    "rsa-3": keys.of_rsa(keys.rsa_key(exponent=3)),
    "ec": keys.of_curve(ec.SECP256R1(), "ES256"),
    "ec-384": keys.of_curve(ec.SECP384R1(), "ES384"),
    "ed": keys.of_edwards(),
}
BAD = {
    "not-named": keys.of_rsa(keys.rsa_key(), "PS256"),
    "1024-bits": keys.of_rsa(keys.rsa_key(1024)),
    "exponent-1": keys.of_exponent_one(),
    "encryption": keys.of_rsa(keys.rsa_key(), use="enc"),
    "signing-alone": keys.of_rsa(keys.rsa_key(), key_ops=["sign"]),
    "private": keys.of_rsa(keys.rsa_key(), d="AQAB"),
    "other-curve": keys.of_curve(ec.SECP384R1(), "ES256"),
    "small-order": keys.of_small_order(),
    "secret": keys.of_secret("HS256"),
    "secret-as-rsa": keys.of_secret("RS256"),
    "secret-as-none": keys.of_secret("none"),
}


class Trusting:
    """A server that trusts an issuer, and one more that publishes a kid twice."""

    def __init__(self, started: World, trusted: Issuer, doubled: Issuer) -> None:
        self.world = started
        self.trusted = trusted
        self.doubled = doubled

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        made = {"iss": self.trusted.url, "sub": "abc", "aud": "blrcs"}
        return made | {"iat": now, "exp": now + 600} | changes

    def token(self, kid: str, sign: Sign, *, header: Any = None, **claims: Any) -> str:
        made = {"alg": (GOOD | BAD)[kid].algorithm, "kid": kid, "typ": "JWT"} | (header or {})
        return keys.token(made, self.claims(**claims), sign)

    def signed(self, kid: str, **changes: Any) -> str:
        return self.token(kid, (GOOD | BAD)[kid].sign, **changes)

    def verdict(self, token: str) -> str:
        """Why it is refused; empty where it is known whose it is."""
        code, _, trailers, _ = self.world.call(LIST, REQUEST, bearer(token))
        if code is grpc.StatusCode.PERMISSION_DENIED:
            return ""
        assert code is grpc.StatusCode.UNAUTHENTICATED
        return reason_in(trailers)


@pytest.fixture(scope="module", params=TRANSPORTS)
def trusting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trusting]:
    folders = [tmp_path_factory.mktemp(name) for name in ("trusted", "doubled")]
    with issuer(folders[0]) as trusted, issuer(folders[1]) as doubled:
        published = [{"kid": kid} | key.jwk for kid, key in (GOOD | BAD).items()]
        trusted.put(KEYS, {"keys": [*published, GOOD["rsa"].jwk]})
        twice = [GOOD["rsa"].jwk, GOOD["ec"].jwk]
        doubled.put(KEYS, {"keys": [{"kid": "rsa"} | each for each in twice]})
        settings = [
            {
                "issuer": each.url,
                "audiences": ["blrcs"],
                "principal": f"issuers/{number}/subjects/{{sub}}",
                "ca_file": str(each.ca_file),
                "allow_private_addresses": True,
                "algorithms": ["RS256", "ES256", "ES384", "EdDSA"],
            }
            for number, each in enumerate((trusted, doubled))
        ]
        folder: Path = tmp_path_factory.mktemp("trusting")
        with world(folder, request.param, BLRCS_AUTH__ISSUERS=json.dumps(settings)) as started:
            started.server.wait_for(KNOWN, source="stderr")
            yield Trusting(started, trusted, doubled)


@pytest.mark.parametrize("kid", GOOD)
def test_what_is_forged_below_is_good_unforged(trusting: Trusting, kid: str) -> None:
    assert trusting.verdict(trusting.signed(kid)) == ""


@pytest.mark.parametrize("kid", BAD)
def test_a_key_that_anybody_could_use_is_nobodys(trusting: Trusting, kid: str) -> None:
    assert trusting.verdict(trusting.signed(kid)) == "TOKEN_KEY_UNKNOWN"


def test_a_key_without_a_name_is_not_chosen(trusting: Trusting) -> None:
    assert trusting.verdict(trusting.signed("rsa", header={"kid": ...})) == "TOKEN_KEY_UNKNOWN"
    for kid in ("", "RSA", "rsa ", "rsa\0", "../rsa", "0"):
        assert trusting.verdict(trusting.signed("rsa", header={"kid": kid})) == "TOKEN_KEY_UNKNOWN"


def test_a_name_that_two_keys_have_is_that_of_none(trusting: Trusting) -> None:
    until(lambda: KEYS in trusting.doubled.asked)
    for kid in ("rsa", "ec"):
        header = {"kid": "rsa", "alg": GOOD[kid].algorithm}
        token = trusting.signed(kid, header=header, iss=trusting.doubled.url)
        assert trusting.verdict(token) != ""


def public_texts(key: Key) -> list[bytes]:
    """What of an RSA key is public, in the forms in which somebody may take it for a secret."""
    public = keys.rsa_key().public_key()
    forms = [
        (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
    ]
    found = [public.public_bytes(*form) for form in forms]
    found += [each.rstrip(b"\n") for each in found]
    modulus = public.public_numbers().n.to_bytes(keys.RSA_BYTES, "big")
    return [*found, json.dumps(key.jwk).encode(), key.jwk["n"].encode(), modulus, b"rsa", b""]


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "RS256", "none"])
def test_a_public_rsa_key_is_no_secret(trusting: Trusting, algorithm: str) -> None:
    digest = f"sha{algorithm[2:]}" if algorithm[2:].isdigit() else "sha256"
    for secret in public_texts(GOOD["rsa"]):

        def sign(message: bytes, secret: bytes = secret) -> bytes:
            return hmac.digest(secret, message, digest)

        refused = trusting.verdict(trusting.token("rsa", sign, header={"alg": algorithm}))
        expected = "SIGNATURE_INVALID" if algorithm == "RS256" else "ALGORITHM_MISMATCH"
        assert refused == f"TOKEN_{expected}"


@pytest.mark.parametrize("kid", GOOD)
def test_a_key_is_for_one_algorithm(trusting: Trusting, kid: str) -> None:
    algorithms = {"RS256", "PS256", "RS384", "ES256", "ES384", "ES256K", "EdDSA", "HS256", "none"}
    for algorithm in algorithms - {GOOD[kid].algorithm}:
        token = trusting.signed(kid, header={"alg": algorithm})
        assert trusting.verdict(token) == "TOKEN_ALGORITHM_MISMATCH"
    # Nor is a signature of the other scheme good under the name of the right one.
    other = BAD["not-named"].sign
    assert trusting.verdict(trusting.token("rsa", other)) == "TOKEN_SIGNATURE_INVALID"


def test_an_rsa_signature_has_one_form(trusting: Trusting) -> None:
    modulus = keys.rsa_key().public_key().public_numbers().n
    good = GOOD["rsa"].sign

    def plus_modulus(message: bytes) -> bytes:
        value = int.from_bytes(good(message), "big") + modulus
        return value.to_bytes(keys.RSA_BYTES + 1, "big")

    forged: list[Sign] = [
        plus_modulus,
        lambda message: b"\0" + good(message),
        lambda message: good(message) + b"\0",
        lambda message: good(message)[:-1],
        keys.padded,
        lambda _: bytes(keys.RSA_BYTES),
        lambda _: (1).to_bytes(keys.RSA_BYTES, "big"),
        lambda _: (modulus - 1).to_bytes(keys.RSA_BYTES, "big"),
        lambda _: modulus.to_bytes(keys.RSA_BYTES, "big"),
        lambda _: b"",
        lambda _: b"\xff" * keys.RSA_BYTES,
    ]
    assert {trusting.verdict(trusting.token("rsa", each)) for each in forged} == {
        "TOKEN_SIGNATURE_INVALID",
        "TOKEN_MALFORMED",
    }


def test_what_follows_a_digest_is_read(trusting: Trusting) -> None:
    forged = trusting.token("rsa-3", keys.cube_root)
    assert trusting.verdict(forged) == "TOKEN_SIGNATURE_INVALID"


@pytest.mark.parametrize("kid", ["ec", "ec-384"])
def test_an_ecdsa_signature_is_two_numbers_in_range(trusting: Trusting, kid: str) -> None:
    good = GOOD[kid].sign
    size = 32 if kid == "ec" else 48
    order = keys.ORDER_P256 if kid == "ec" else keys.ORDER_P384
    n, zero = order.to_bytes(size, "big"), bytes(size)
    one, most = (1).to_bytes(size, "big"), b"\xff" * size
    pairs = [(r, s) for r in (zero, one, n, most) for s in (zero, one, n, most)]
    forged: list[Sign] = [lambda _, r=r, s=s: r + s for r, s in pairs]  # type: ignore[misc]
    forged += [
        lambda message: good(message)[:size] + zero,
        lambda message: zero + good(message)[size:],
        lambda message: good(message)[:-1],
        lambda message: b"\0" + good(message),
        lambda message: b"\0" + good(message)[:size] + b"\0" + good(message)[size:],
        lambda message: good(message) * 2,
        lambda _: b"\0",
        # DER, as everywhere but in JWS.
        lambda message: ec.generate_private_key(ec.SECP256R1()).sign(
            message, ec.ECDSA(hashes.SHA256())
        ),
    ]
    refused = {trusting.verdict(trusting.token(kid, each)) for each in forged}
    assert refused == {"TOKEN_SIGNATURE_INVALID"}


def test_a_token_brings_no_key_along(trusting: Trusting) -> None:
    stranger = keys.of_rsa(keys.rsa_key(2056))
    trusting.trusted.put("/evil", {"keys": [{"kid": "evil"} | stranger.jwk]})
    where = f"{trusting.trusted.url}/evil"
    for header in (
        {"jwk": stranger.jwk},
        {"jwk": stranger.jwk, "kid": ...},
        {"jku": where, "kid": "evil"},
        {"jku": where},
        {"x5u": where, "kid": "evil"},
        {"x5c": ["AAAA"], "x5t": "AAAA"},
        {"kid": where},
    ):
        assert trusting.verdict(trusting.token("rsa", stranger.sign, header=header)) != ""
    assert set(trusting.trusted.asked) == {DISCOVERY, KEYS}


def test_no_issuer_speaks_for_another(trusting: Trusting) -> None:
    own = load_signing_key(trusting.world.data / "signing_key.pem")
    header = {"alg": "EdDSA", "kid": own.kid, "typ": "at+jwt"}
    admin = {"sub": "users/admin", "jti": "x", "sid": "y"}
    assert trusting.verdict(trusting.signed("rsa", iss="blrcs", **admin)) != ""
    for kid in ("rsa", own.kid):
        for kind in ("JWT", "at+jwt"):
            token = trusting.signed("rsa", header={"kid": kid, "typ": kind}, iss="blrcs", **admin)
            assert trusting.verdict(token) != ""
    foreign = keys.token(header, trusting.claims(), own.private_key.sign)
    assert trusting.verdict(foreign) == "TOKEN_KEY_UNKNOWN"
    for iss in (trusting.doubled.url, f"{trusting.trusted.url}/", trusting.trusted.url.upper()):
        assert trusting.verdict(trusting.signed("rsa", iss=iss)) != ""


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "dpop+jwt"}, {}),
        ({"typ": "logout+jwt"}, {}),
        ({"typ": "secevent+jwt"}, {}),
        ({"typ": ...}, {}),
        ({"crit": ["exp"]}, {}),
        ({"crit": ["b64"], "b64": False}, {}),
        ({"b64": False}, {}),
        ({"alg": ["RS256"]}, {}),
        ({}, {"aud": "other"}),
        ({}, {"aud": ...}),
        ({}, {"exp": 1}),
        ({}, {"exp": ...}),
        ({}, {"exp": True}),
        ({}, {"exp": 1e300}),
        ({}, {"exp": "9999999999"}),
        ({}, {"nbf": 9_999_999_999}),
        ({}, {"iat": 9_999_999_999}),
        ({}, {"sub": ...}),
        ({}, {"sub": ""}),
        ({}, {"sub": "users/admin"}),
        ({}, {"sub": ["abc"]}),
        ({}, {"x": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}),
        ({}, {"x": "a" * 8_192}),
    ],
)
def test_a_good_signature_makes_nothing_else_good(
    trusting: Trusting, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    for kid in ("rsa", "ec"):
        assert trusting.verdict(trusting.signed(kid, header=header, **claims)) != ""


def test_a_token_lives_no_longer_than_its_issuers_may(trusting: Trusting) -> None:
    ends = int(time.time()) + MAX_TOKEN_TTL_S
    for kid in ("rsa", "ec"):
        longer = trusting.signed(kid, exp=ends + 3600)
        assert [trusting.verdict(longer) for _ in range(2)] == ["TOKEN_LIVES_TOO_LONG"] * 2
        assert trusting.verdict(trusting.signed(kid, exp=9_222_999_999)) == "TOKEN_LIVES_TOO_LONG"
        assert trusting.verdict(trusting.signed(kid, exp=ends)) == ""
