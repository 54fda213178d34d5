"""JSON Web Keys: RFC 7517, 7518 section 6 and 8037, read strictly and written in public only.

A member that is read has the right type and the one canonical encoding; members that are not
read, `x5u` and `x5c` among them, are ignored. Errors are InvalidKeyError.
"""

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from blrcs_native.tokens.jws import decode_base64url, encode_base64url
from blrcs_native.tokens.key_rules import InvalidKeyError, algorithm_named, check_rsa_numbers

# Algorithm: the key type and, where there is one, the curve and the octets of a coordinate.
cdef dict SHAPES = {
    "EdDSA": ("OKP", "Ed25519", 32),
    "ES256": ("EC", "P-256", 32),
    "ES384": ("EC", "P-384", 48),
    "RS256": ("RSA", None, 0),
    "PS256": ("RSA", None, 0),
    "HS256": ("oct", None, 0),
    "HS384": ("oct", None, 0),
    "HS512": ("oct", None, 0),
}
cdef dict CURVES = {"P-256": SECP256R1, "P-384": SECP384R1}
cdef frozenset PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth"))


def read_key(jwk, str algorithm not None):
    """The key material for `algorithm`: a public key, or the octets of a secret.

    The key's `kty`, `crv`, `alg`, `use` and `key_ops` must allow it to verify that algorithm. A
    private key is refused: a verifier has no need of it.
    """
    if algorithm not in SHAPES:
        raise InvalidKeyError(f"{algorithm!r} is no algorithm that tokens are verified with")
    check_purpose(jwk, algorithm)
    key_type, curve, size = SHAPES[algorithm]
    if jwk.get("kty") != key_type:
        raise InvalidKeyError(f"{algorithm} takes a JWK with kty {key_type}")
    if key_type == "oct":
        return octets_of(jwk, "k")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise InvalidKeyError("a JWK to verify with holds no private member")
    if key_type == "RSA":
        return read_rsa(jwk)
    if jwk.get("crv") != curve:
        raise InvalidKeyError(f"{algorithm} takes a JWK with crv {curve}")
    if key_type == "OKP":
        return Ed25519PublicKey.from_public_bytes(octets_of(jwk, "x", size))
    x = int.from_bytes(octets_of(jwk, "x", size), "big")
    y = int.from_bytes(octets_of(jwk, "y", size), "big")
    try:
        return EllipticCurvePublicNumbers(x, y, CURVES[curve]()).public_key()
    except ValueError:
        raise InvalidKeyError("the JWK's point is not on its curve") from None


cdef object check_purpose(object jwk, str algorithm):
    """Refuses a JWK whose `alg`, `use` or `key_ops` leave no room for verifying."""
    if "alg" in jwk and algorithm_named(jwk["alg"]) != algorithm:
        raise InvalidKeyError(f"the JWK's alg is not {algorithm}")
    if "use" in jwk and jwk["use"] != "sig":
        raise InvalidKeyError("the JWK's use is not sig")
    if "key_ops" not in jwk:
        return
    operations = jwk["key_ops"]
    if type(operations) is not list or not all(type(name) is str for name in operations):
        raise InvalidKeyError("the JWK's key_ops is not a list of strings")
    if len(set(operations)) != len(operations):
        raise InvalidKeyError("the JWK's key_ops names an operation twice")
    if "verify" not in operations:
        raise InvalidKeyError("the JWK's key_ops does not name verify")


cdef object read_rsa(object jwk):
    numbers = RSAPublicNumbers(e=number_of(jwk, "e"), n=number_of(jwk, "n"))
    # Before the library sees them: its own checks differ from one version to the next.
    check_rsa_numbers(numbers)
    try:
        return numbers.public_key()
    except ValueError:
        raise InvalidKeyError("the JWK's RSA numbers are no public key") from None


cdef bytes octets_of(object jwk, str name, Py_ssize_t size=0):
    """A member's octets; `size` of them, where it is not 0."""
    text = jwk.get(name)
    octets = (
        decode_base64url(text.encode()) if type(text) is str and text.isascii() else None
    )
    if not octets or (size and len(octets) != size):
        raise InvalidKeyError(f"the JWK's {name} is not base64url of the right length")
    return octets


cdef object number_of(object jwk, str name):
    """A Base64urlUInt, RFC 7518 section 2: no more octets than the number needs."""
    octets = octets_of(jwk, name)
    if octets[0] == 0:
        raise InvalidKeyError(f"the JWK's {name} has a leading zero")
    return int.from_bytes(octets, "big")


def write_key(key):
    """The public members of a public key's JWK: kty, and what that type has."""
    if isinstance(key, Ed25519PublicKey):
        return {
            "kty": "OKP", "crv": "Ed25519", "x": encode_base64url(key.public_bytes_raw())
        }
    numbers = key.public_numbers()
    if isinstance(key, EllipticCurvePublicKey):
        curve, size = ("P-256", 32) if isinstance(key.curve, SECP256R1) else ("P-384", 48)
        return {
            "kty": "EC",
            "crv": curve,
            "x": encode_base64url(numbers.x.to_bytes(size, "big")),
            "y": encode_base64url(numbers.y.to_bytes(size, "big")),
        }
    return {
        "kty": "RSA",
        "n": encode_base64url(minimal_octets(numbers.n)),
        "e": encode_base64url(minimal_octets(numbers.e)),
    }


cdef bytes minimal_octets(object number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
