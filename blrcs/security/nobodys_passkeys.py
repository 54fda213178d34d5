"""Public keys of passkeys with which nobody can sign."""

import secrets
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

EDDSA, ES256, RS256 = ALGORITHMS = (-8, -7, -257)
"""What authenticators are asked for, the best first, as COSE numbers it (RFC 9053, RFC 8812)."""
COORDINATE_BYTES = 32
RSA_BITS = 2048


@cache
def nobodys_key(algorithm: int) -> bytes:
    """A key of one of the ALGORITHMS in COSE's form; the same one each time in this process.

    Made in microseconds, so that the event loop may make it.
    """
    from webauthn.helpers import encode_cbor  # noqa: PLC0415 - it takes long to import

    return bytes(encode_cbor(_PARAMETERS[algorithm]()))


def _ed25519() -> dict[int, int | bytes]:
    # An octet key pair (1: 1) on Ed25519 (-1: 6).
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes_raw()}


def _p256() -> dict[int, int | bytes]:
    # An elliptic curve key (1: 2) on P-256 (-1: 1).
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = (each.to_bytes(COORDINATE_BYTES, "big") for each in (numbers.x, numbers.y))
    return {1: 2, 3: ES256, -1: 1, -2: x, -3: y}


def _rsa() -> dict[int, int | bytes]:
    # An RSA key (1: 3), as RFC 8230 has it. To find primes takes long; verifying by any odd number
    # of the size takes the same work, and nobody sees it to factor it.
    n = secrets.randbits(RSA_BITS) | 1 << (RSA_BITS - 1) | 1
    return {1: 3, 3: RS256, -1: n.to_bytes(RSA_BITS // 8, "big"), -2: b"\1\0\1"}


_PARAMETERS = {EDDSA: _ed25519, ES256: _p256, RS256: _rsa}
