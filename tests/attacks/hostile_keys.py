"""Keys as an issuer may publish them, good ones and those with which anybody could sign."""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

Sign = Callable[[bytes], bytes]
RSA_BYTES = 256
SECRET = bytes(range(64))
ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ORDER_P384 = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
# What stands before a SHA-256 in a PKCS #1 signature (RFC 8017, section 9.2, note 1).
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
IDENTITY = b"\x01" + bytes(31)


@dataclass(frozen=True, slots=True)
class Key:
    """What is published of one, and how somebody who has it signs."""

    algorithm: str
    jwk: dict[str, Any]
    sign: Sign


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def token(header: dict[str, Any], claims: dict[str, Any], sign: Sign) -> str:
    """One of any header and claims, ``...`` for what is left out."""
    parts = (
        {name: each for name, each in part.items() if each is not ...} for part in (header, claims)
    )
    message = ".".join(encode(json.dumps(part).encode()) for part in parts)
    return f"{message}.{encode(sign(message.encode()))}"


@cache
def rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def of_rsa(key: rsa.RSAPrivateKey, algorithm: str = "RS256", **members: Any) -> Key:
    numbers = key.public_key().public_numbers()
    pkcs1, pss = padding.PKCS1v15(), padding.PSS(padding.MGF1(SHA256()), 32)
    scheme = pss if algorithm == "PS256" else pkcs1
    return Key(
        algorithm,
        {"kty": "RSA", "alg": algorithm, "n": number(numbers.n), "e": number(numbers.e), **members},
        lambda message: key.sign(message, scheme, SHA256()),
    )


def of_curve(curve: ec.EllipticCurve, algorithm: str, **members: Any) -> Key:
    key = ec.generate_private_key(curve)
    size = (curve.key_size + 7) // 8
    point = key.public_key().public_numbers()
    name = {256: "P-256", 384: "P-384"}[curve.key_size]

    def sign(message: bytes) -> bytes:
        digest = SHA256() if algorithm == "ES256" else SHA384()
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    jwk = {"kty": "EC", "crv": name, "alg": algorithm}
    coordinates = {"x": point.x, "y": point.y}
    jwk |= {each: encode(value.to_bytes(size, "big")) for each, value in coordinates.items()}
    return Key(algorithm, jwk | members, sign)


def of_edwards() -> Key:
    key = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA"}
    return Key("EdDSA", jwk | {"x": encode(key.public_key().public_bytes_raw())}, key.sign)


def of_exponent_one() -> Key:
    """Every padded digest is its own signature."""
    modulus = rsa_key().public_key().public_numbers().n
    return Key("RS256", {"kty": "RSA", "alg": "RS256", "n": number(modulus), "e": "AQ"}, padded)


def of_small_order() -> Key:
    """The identity verifies one signature under every message."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": encode(IDENTITY)}
    return Key("EdDSA", jwk, lambda _: IDENTITY + bytes(32))


def of_secret(published: str) -> Key:
    """A secret that everybody may read, for an algorithm that is said to be ``published``."""
    return Key(
        published,
        {"kty": "oct", "alg": published, "k": encode(SECRET)},
        lambda message: hmac.digest(SECRET, message, "sha256"),
    )


def padded(message: bytes, padding_bytes: int | None = None) -> bytes:
    """A SHA-256 as PKCS #1 wants it to be signed."""
    digest = DIGEST_INFO + sha256(message).digest()
    count = RSA_BYTES - 3 - len(digest) if padding_bytes is None else padding_bytes
    return b"\0\1" + b"\xff" * count + b"\0" + digest


def cube_root(message: bytes) -> bytes:
    """A signature whose cube begins as a padded digest does and ends in garbage: CVE-2006-4339."""
    wanted = padded(message, padding_bytes=8)
    least = int.from_bytes(wanted.ljust(RSA_BYTES, b"\0"), "big")
    low, high = 0, 1 << 8 * RSA_BYTES // 3 + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle**3 >= least else (middle + 1, high)
    assert (low**3).to_bytes(RSA_BYTES, "big").startswith(wanted)
    return low.to_bytes(RSA_BYTES, "big")
