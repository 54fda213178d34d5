"""What a key must be before any token is checked with it.

RFC 7518 sections 3.2 to 3.5 and 6, RFC 8037, RFC 8725 sections 3.1, 3.2 and 3.5. A key is refused
when it is set up, with :class:`InvalidKeyError`, and never while tokens are checked.
"""

import base64
import binascii
import json
import re

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

cdef dict SECRET_MIN_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
cdef dict CURVES = {"ES256": SECP256R1, "ES384": SECP384R1}
cdef tuple RSA_ALGORITHMS = ("RS256", "PS256")

cdef enum:
    RSA_MIN_BITS = 2048
    # Beyond these a check takes long enough to be an attack of whoever names the key.
    RSA_MAX_BITS = 8192
    RSA_MAX_EXPONENT_BITS = 64
    SECRET_MAX_BYTES = 4096
    DER_SEQUENCE = 0x30
    DER_INTEGER = 0x02

cdef object PEM = re.compile(rb"-{4}[- ]*(?:BEGIN|END)\b", re.IGNORECASE)
cdef object SSH = re.compile(rb"ssh-(?:rsa|dss|dsa|ed25519)|ecdsa-sha2-|sk-ssh-|sk-ecdsa-")
cdef bytes PUTTY = b"PuTTY-User-Key-File"
cdef bytes OPENSSH = b"openssh-key-v1"
cdef bytes WHITE_SPACE = b" \t\r\n"
cdef Py_ssize_t MAX_JSON_DEPTH = 64

# Ed25519, RFC 8032 section 5.1: the field's prime, and the y of every point whose order divides
# 8. For a public key among them, signatures exist that verify for many messages.
cdef object FIELD = 2**255 - 19
cdef object ORDER_8_Y = int(
    "2707385501144840649318225287225658788936804267575313519463743609750303402022"
)


# RFC 9864 names the curve; with a key on that curve it is what EdDSA is.
cdef dict OTHER_NAMES = {"Ed25519": "EdDSA"}


class InvalidKeyError(ValueError):
    """Key material that no token may be checked with; the text names the rule, never the key."""


def algorithm_named(name):
    """The algorithm of an `alg`, by the one name that it goes by here; anything else as it is."""
    return OTHER_NAMES.get(name, name) if type(name) is str else name


def check_secret(str algorithm not None, secret):
    """Refuses HMAC secrets that are too short, or that are a key of another kind.

    A secret has at least as many octets as the hash. Whatever reads as PEM, DER, SSH, X.509 or
    JSON, or as base64 of DER or SSH, is a key that someone else may know in public.
    """
    cdef Py_ssize_t least = SECRET_MIN_BYTES[algorithm]
    if type(secret) is not bytes:
        raise InvalidKeyError("an HMAC secret is bytes")
    if not least <= len(secret) <= SECRET_MAX_BYTES:
        raise InvalidKeyError(
            f"a secret for {algorithm} has {least} to {SECRET_MAX_BYTES} bytes, not {len(secret)}"
        )
    # Texts in UTF-16 and UTF-32 read the same without their zeros.
    cdef bytes text = (<bytes>secret).replace(b"\0", b"")
    if PEM.search(text) or PUTTY in text or OPENSSH in text:
        raise InvalidKeyError("a key or certificate in PEM is not an HMAC secret")
    if SSH.search(text):
        raise InvalidKeyError("an SSH key is not an HMAC secret")
    if is_der(secret):
        raise InvalidKeyError("a key or certificate in DER is not an HMAC secret")
    if is_json(text):
        raise InvalidKeyError("a JWK or other JSON text is not an HMAC secret")
    cdef bytes decoded = unarmoured(secret)
    if decoded and (is_der(decoded) or SSH.search(decoded) or OPENSSH in decoded):
        raise InvalidKeyError("a key or certificate in base64 is not an HMAC secret")


cdef bint is_der(bytes octets) except -1:
    """Whether these are one ASN.1 sequence that begins as keys and certificates do, and white space.

    Those begin with an integer or another sequence; looking no further keeps a random secret
    from being taken for DER, and needs no list of formats.
    """
    if len(octets) < 4 or octets[0] != DER_SEQUENCE:
        return False
    content = der_content(octets, 0)
    if content is None or content[1] > len(octets) or content[1] - content[0] < 2:
        return False
    # What follows, not what ends: the last octet of DER may happen to be white space.
    if octets[content[1]:].strip(WHITE_SPACE):
        return False
    if octets[content[0]] not in (DER_SEQUENCE, DER_INTEGER):
        return False
    inner = der_content(octets, content[0])
    return inner is not None and inner[1] <= content[1]


cdef tuple der_content(bytes octets, Py_ssize_t start):
    """Where the content of the element at `start` begins and ends, or None."""
    cdef Py_ssize_t first = octets[start + 1]
    if first < 0x80:
        return (start + 2, start + 2 + first)
    cdef Py_ssize_t length_bytes = first & 0x7F
    if not 1 <= length_bytes <= 4 or start + 2 + length_bytes > len(octets):
        return None
    begin = start + 2 + length_bytes
    return (begin, begin + int.from_bytes(octets[start + 2 : begin], "big"))


cdef bint is_json(bytes text) except -1:
    """Whether the text is a JSON object or array, or an object cut short that names `kty`."""
    cdef bytes trimmed = text.removeprefix(b"\xef\xbb\xbf").strip(WHITE_SPACE)
    for mark in (b"\xff\xfe", b"\xfe\xff"):
        trimmed = trimmed.removeprefix(mark).strip(WHITE_SPACE)
    if not trimmed.startswith((b"{", b"[")):
        return False
    if b"kty" in trimmed:
        return True
    # Python's reader gives up on such depth in ways that differ between its versions.
    if len(trimmed) - len(trimmed.lstrip(b"[{" + WHITE_SPACE)) > MAX_JSON_DEPTH:
        return True
    try:
        json.loads(trimmed)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


cdef bytes unarmoured(bytes text):
    """What the text is base64 of, in either alphabet, or None."""
    cdef bytes joined = b"".join(text.split()).replace(b"-", b"+").replace(b"_", b"/")
    joined = joined.rstrip(b"=")
    try:
        return base64.b64decode(joined + b"=" * (-len(joined) % 4), validate=True)
    except binascii.Error:
        return None


def check_public_key(str algorithm not None, key):
    """Refuses keys of another kind, curve or strength than the algorithm asks for."""
    if algorithm == "EdDSA":
        if not isinstance(key, Ed25519PublicKey):
            raise InvalidKeyError("EdDSA takes an Ed25519 public key")
        check_ed25519_point(key.public_bytes_raw())
    elif algorithm in CURVES:
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(
            key.curve, CURVES[algorithm]
        ):
            raise InvalidKeyError(
                f"{algorithm} takes a public key on the curve {CURVES[algorithm].name}"
            )
    elif algorithm in RSA_ALGORITHMS:
        if not isinstance(key, RSAPublicKey):
            raise InvalidKeyError(f"{algorithm} takes an RSA public key")
        check_rsa_numbers(key.public_numbers())
    else:
        raise InvalidKeyError(f"{algorithm} is no algorithm for public keys")


def check_rsa_numbers(numbers):
    """Refuses RSA keys outside 2048 to 8192 bits, and exponents that are even, 1 or huge."""
    if not RSA_MIN_BITS <= numbers.n.bit_length() <= RSA_MAX_BITS:
        raise InvalidKeyError(
            f"an RSA key has {RSA_MIN_BITS} to {RSA_MAX_BITS} bits, not {numbers.n.bit_length()}"
        )
    if numbers.n % 2 == 0:
        raise InvalidKeyError("an RSA modulus is odd")
    if numbers.e < 3 or numbers.e % 2 == 0 or numbers.e.bit_length() > RSA_MAX_EXPONENT_BITS:
        raise InvalidKeyError("an RSA exponent is odd, at least 3 and at most 64 bits")


def check_ed25519_point(bytes octets not None):
    """Refuses encodings that are not canonical, and points of small order."""
    y = int.from_bytes(octets, "little") % 2**255
    if y >= FIELD:
        raise InvalidKeyError("an Ed25519 public key has a canonical encoding")
    if y in (0, 1, FIELD - 1, ORDER_8_Y, FIELD - ORDER_8_Y):
        raise InvalidKeyError("an Ed25519 public key is no point of small order")
