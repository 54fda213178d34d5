"""Token verification beside PyJWT, and beside the bare signature check of ``cryptography``.

Every subject takes the token out of an ``authorization`` header anew, so that no hash of the text
is known beforehand, and checks signature, issuer, audience and times of the same claims. PyJWT is
given its key both ways: as bytes, which it examines at every call, and prepared once as a PyJWK.
A first sight is measured by a verifier that remembers nothing.
"""

import base64
import hashlib
import statistics
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from harness import Claim, Loop, Report, Timing, main, measure, versions

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.refusal import REFUSALS
from blrcs_native.tokens.verifier import TokenVerifier

ISSUER = "https://id.example"
AUDIENCE = "orders"
SCHEME = "Bearer "
SECRET = hashlib.sha256(b"a secret for this benchmark").digest()
OVERHEAD_BOUND_NS = 10_000


def claims() -> dict[str, Any]:
    now_s = int(time.time())
    return {
        "iss": ISSUER,
        "sub": "users/0190a5e8",
        "aud": AUDIENCE,
        "iat": now_s,
        "exp": now_s + 3600,
        "jti": "q3Zb1c8wRXuT0mK4cVnQ5g",
        "sid": "Yt7kP2sLQ0aN9xWb3rJd6A",
        "scope": "orders.read orders.write",
    }


def header_with(algorithm: str, key: Any) -> str:
    """An ``authorization`` header as it comes with a call."""
    return SCHEME + jwt.encode(claims(), key, algorithm, headers={"kid": "k1", "typ": "at+jwt"})


def verifier_of(algorithm: str, material: Any, cache_entries: int) -> TokenVerifier:
    return TokenVerifier(
        Keyset([VerificationKey("k1", algorithm, material)]),
        issuers=[ISSUER],
        audiences=[AUDIENCE],
        cache_entries=cache_entries,
    )


def verify_loop(verifier: TokenVerifier, header: str) -> Loop:
    verify = verifier.verify
    start = len(SCHEME)

    def loop(count: int) -> None:
        for _ in range(count):
            verify(header[start:])

    return loop


def pyjwt_loop(key: Any, header: str) -> Loop:
    decode = jwt.PyJWT().decode
    start = len(SCHEME)

    def loop(count: int) -> None:
        for _ in range(count):
            decode(header[start:], key, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)

    return loop


def bare_loop(verify: Any, arguments: tuple[Any, ...]) -> Loop:
    def loop(count: int) -> None:
        for _ in range(count):
            verify(*arguments)

    return loop


def bare_arguments(algorithm: str, header: str) -> tuple[Any, ...]:
    """What the public key's own ``verify`` takes, already decoded."""
    message, _, encoded = header[len(SCHEME) :].rpartition(".")
    signature = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    match algorithm:
        case "EdDSA":
            return (signature, message.encode())
        case "ES256":
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            return (encode_dss_signature(r, s), message.encode(), ec.ECDSA(SHA256()))
        case _:
            return (signature, message.encode(), padding.PKCS1v15(), SHA256())


def overhead_ns(first_sight: Timing, bare: Timing) -> float:
    """The median difference of rounds that ran one after the other."""
    return statistics.median(
        ours - theirs for ours, theirs in zip(first_sight.rounds_ns, bare.rounds_ns, strict=True)
    )


def run(rounds: int) -> Report:
    header = header_with("HS256", SECRET)
    forged = header[:-8] + "AAAAAAAA"
    jwk = jwt.PyJWK(
        {"kty": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(SECRET).decode().rstrip("=")}
    )
    fresh, remembering = (verifier_of("HS256", SECRET, entries) for entries in (0, 8192))
    token = header[len(SCHEME) :]
    expected = jwt.decode(token, SECRET, ["HS256"], audience=AUDIENCE, issuer=ISSUER)
    for verifier in (fresh, remembering):
        answer = verifier.verify(token)
        assert isinstance(answer, Claims)
        assert answer.members == expected
        assert verifier.verify(forged[len(SCHEME) :]) is REFUSALS["TOKEN_SIGNATURE_INVALID"]
    subjects: dict[str, Loop] = {
        "PyJWT HS256 decode": pyjwt_loop(SECRET, header),
        "PyJWT HS256 decode, PyJWK": pyjwt_loop(jwk, header),
        "HS256, first sight": verify_loop(fresh, header),
        "HS256, seen before": verify_loop(remembering, header),
        "HS256, forged": verify_loop(remembering, forged),
    }
    private_keys: dict[str, Any] = {
        "EdDSA": Ed25519PrivateKey.generate(),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "RS256": rsa.generate_private_key(65537, 2048),
    }
    for algorithm, private in private_keys.items():
        signed = header_with(algorithm, private)
        public = private.public_key()
        verifier = verifier_of(algorithm, public, 0)
        assert isinstance(verifier.verify(signed[len(SCHEME) :]), Claims)
        arguments = bare_arguments(algorithm, signed)
        assert public.verify(*arguments) is None
        subjects[f"{algorithm}, bare check"] = bare_loop(public.verify, arguments)
        subjects[f"{algorithm}, first sight"] = verify_loop(verifier, signed)
    timings = measure(subjects, rounds=rounds)
    pyjwt_ns = timings["PyJWT HS256 decode"].median_ns
    claimed = [
        Claim(
            "HS256 first sight, times as fast as PyJWT",
            pyjwt_ns / timings["HS256, first sight"].median_ns,
            at_least=5,
        ),
        Claim(
            "HS256 seen before, times as fast as PyJWT",
            pyjwt_ns / timings["HS256, seen before"].median_ns,
            at_least=100,
        ),
    ]
    claimed += [
        Claim(
            f"{algorithm} first sight, above the bare check, in units of 10 us",
            overhead_ns(timings[f"{algorithm}, first sight"], timings[f"{algorithm}, bare check"])
            / OVERHEAD_BOUND_NS,
            at_most=1,
        )
        for algorithm in private_keys
    ]
    return Report("Token verification", timings, claimed, versions("PyJWT", "cryptography"))


if __name__ == "__main__":
    main(run)
