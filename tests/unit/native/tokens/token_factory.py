"""Makes keys, tokens and verifiers, so that a test says only what is special about its own."""

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.refusal import TokenRefusal
from blrcs_native.tokens.verifier import TokenVerifier

ISSUER = "https://id.example"
AUDIENCE = "orders"
NOW_S = 1_800_000_000
NOW_NS = NOW_S * 10**9
PUBLIC_ALGORITHMS = ("EdDSA", "ES256", "ES384", "RS256", "PS256")
SECRET_ALGORITHMS = ("HS256", "HS384", "HS512")
ALL_ALGORITHMS = PUBLIC_ALGORITHMS + SECRET_ALGORITHMS
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now_ns: int = NOW_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


def signing_key(algorithm: str, number: int = 0) -> Any:
    """A private key, or secret bytes; the same for the same arguments."""
    return _make_key(algorithm, number)


@cache
def _make_key(algorithm: str, number: int) -> Any:
    match algorithm:
        case "EdDSA":
            return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % number).digest())
        case "ES256":
            return ec.derive_private_key(number + 2**200, ec.SECP256R1())
        case "ES384":
            return ec.derive_private_key(number + 2**300, ec.SECP384R1())
        case "RS256" | "PS256":
            return rsa.generate_private_key(65537, 2048)
        case _:
            return hashlib.sha512(b"secret %d" % number).digest()


def verification_key(algorithm: str, kid: str = "k1", number: int = 0) -> VerificationKey:
    key = signing_key(algorithm, number)
    return VerificationKey(kid, algorithm, key if isinstance(key, bytes) else key.public_key())


def sign(algorithm: str, message: bytes, number: int = 0) -> bytes:
    """A signature as JWS has it."""
    key = signing_key(algorithm, number)
    match algorithm:
        case "EdDSA":
            return key.sign(message)
        case "ES256" | "ES384":
            size, digest = (32, SHA256()) if algorithm == "ES256" else (48, SHA384())
            r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        case "RS256":
            return key.sign(message, padding.PKCS1v15(), SHA256())
        case "PS256":
            scheme = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)
            return key.sign(message, scheme, SHA256())
        case _:
            return hmac.digest(key, message, HASHES[algorithm])


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def assemble(header: bytes, payload: bytes, algorithm: str, number: int = 0) -> str:
    """A token of any header and payload, signed."""
    message = f"{encode(header)}.{encode(payload)}"
    return f"{message}.{encode(sign(algorithm, message.encode(), number))}"


def claims_of(**changes: Any) -> dict[str, Any]:
    """Claims that are accepted; a change to ``...`` leaves a claim out."""
    claims = {
        "iss": ISSUER,
        "sub": "users/7",
        "aud": AUDIENCE,
        "exp": NOW_S + 600,
        "iat": NOW_S,
        "jti": "token-1",
        "sid": "session-1",
    }
    return {name: value for name, value in (claims | changes).items() if value is not ...}


def header_of(algorithm: str, **changes: Any) -> dict[str, Any]:
    """A header that is accepted; a change to ``...`` leaves a member out."""
    header = {"alg": algorithm, "kid": "k1", "typ": "at+jwt"}
    return {name: value for name, value in (header | changes).items() if value is not ...}


def make_token(
    algorithm: str = "HS256",
    *,
    header: dict[str, Any] | None = None,
    number: int = 0,
    **claims: Any,
) -> str:
    """A token, signed as its key's algorithm says whatever the header claims."""
    return assemble(
        json.dumps(header_of(algorithm, **(header or {}))).encode(),
        json.dumps(claims_of(**claims)).encode(),
        algorithm,
        number,
    )


def make_verifier(algorithm: str = "HS256", **settings: Any) -> TokenVerifier:
    """A verifier that accepts :func:`make_token` at :data:`NOW_NS`."""
    chosen = {
        "keyset": Keyset([verification_key(algorithm)]),
        "issuers": [ISSUER],
        "audiences": [AUDIENCE],
        "clock": FakeClock(),
    } | settings
    return TokenVerifier(chosen.pop("keyset"), **chosen)


def reason(answer: Claims | TokenRefusal) -> str | None:
    """The reason of a refusal, None for an acceptance."""
    return answer.reason if isinstance(answer, TokenRefusal) else None


def verdict(token: str | bytes, algorithm: str = "HS256", **settings: object) -> str | None:
    """Why a verifier with these settings refuses the token."""
    return reason(make_verifier(algorithm, **settings).verify(token))
