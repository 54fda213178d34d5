"""Verification keys, each fixed to one algorithm, and the sets that verifiers trust.

RFC 8725 sections 3.1 and 3.10. A token's header never chooses how it is checked: it names a key
by its exact kid, and that key knows one algorithm. Both kinds of object are immutable and may be
used by several threads at once.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import load_pem_public_key

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE

from blrcs_native.tokens.signature cimport ecdsa_der, is_ed25519_form

from blrcs_native.tokens.jwk import read_key, write_key
from blrcs_native.tokens.key_rules import (
    InvalidKeyError,
    algorithm_named,
    check_public_key,
    check_secret,
)
from blrcs_native.tokens.signature import P256_ORDER, P384_ORDER

ALGORITHMS = ("EdDSA", "ES256", "ES384", "RS256", "PS256", "HS256", "HS384", "HS512")

cdef dict HASHES = {
    "HS256": hashlib.sha256,
    "HS384": hashlib.sha384,
    "HS512": hashlib.sha512,
}
cdef object is_equal = hmac.compare_digest
cdef object PEM_PUBLIC = re.compile(
    rb"\s*-----BEGIN ((?:RSA )?PUBLIC KEY)-----[^-]+-----END \1-----\s*"
)

cdef enum:
    KID_MAX_CHARACTERS = 256


@cython.final
@cython.auto_pickle(False)
cdef class VerificationKey:
    """A key to verify signatures with, under one name and by one algorithm.

    `material` is a public key of `cryptography`, or for HS256, HS384 and HS512 the secret as
    bytes. Raises InvalidKeyError for an unknown algorithm, a kid that is empty or longer than 256
    characters, and material that the algorithm's rules refuse.
    """

    def __cinit__(self, kid, algorithm, material):
        if type(kid) is not str or not 0 < len(kid) <= KID_MAX_CHARACTERS:
            raise InvalidKeyError(f"a kid has 1 to {KID_MAX_CHARACTERS} characters")
        if algorithm not in ALGORITHMS:
            raise InvalidKeyError(f"{algorithm!r} is no algorithm that tokens are verified with")
        self.kid = kid
        self.algorithm = algorithm
        if algorithm in HASHES:
            check_secret(algorithm, material)
            self._family = Family.HMAC
            self._prepare_hmac(HASHES[algorithm], material)
            return
        check_public_key(algorithm, material)
        self._public_key = material
        self._check = material.verify
        if algorithm == "EdDSA":
            self._family = Family.EDDSA
        elif algorithm in ("ES256", "ES384"):
            self._family = Family.ECDSA
            self._order = P256_ORDER if algorithm == "ES256" else P384_ORDER
            self._scheme = ec.ECDSA(SHA256() if algorithm == "ES256" else SHA384())
        else:
            self._family = Family.RSA
            self._signature_size = (material.key_size + 7) // 8
            self._scheme = SHA256()
            self._padding = (
                padding.PKCS1v15()
                if algorithm == "RS256"
                else padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=SHA256.digest_size)
            )

    @classmethod
    def from_pem(cls, kid, algorithm, pem):
        """A public key in PEM, `PUBLIC KEY` or `RSA PUBLIC KEY`, and nothing beside it."""
        if type(pem) is not bytes or PEM_PUBLIC.fullmatch(pem) is None:
            raise InvalidKeyError("a verification key in PEM is one block with a public key")
        if algorithm in HASHES:
            raise InvalidKeyError(f"a key in PEM is no secret for {algorithm}")
        try:
            material = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise InvalidKeyError("the PEM block holds no public key that is known") from None
        return cls(kid, algorithm, material)

    @classmethod
    def from_jwk(cls, jwk, *, algorithm=None):
        """A key as a JWK with a `kid`; `algorithm` stands in for, or must equal, its `alg`.

        `Ed25519` (RFC 9864) is another name of `EdDSA`, in the headers of tokens as well.

        Read the JSON by :func:`blrcs_native.encoding.strict_json.read_object`, which refuses a member
        that is written twice.
        """
        if not isinstance(jwk, Mapping):
            raise InvalidKeyError("a JWK is a JSON object")
        chosen = algorithm_named(jwk.get("alg") if algorithm is None else algorithm)
        if type(chosen) is not str:
            raise InvalidKeyError("a JWK without alg is read for an algorithm named by the caller")
        return cls(jwk.get("kid"), chosen, read_key(jwk, chosen))

    @classmethod
    def from_secret(cls, kid, algorithm, secret):
        """A secret shared with the issuer: random bytes, at least as many as the hash has."""
        if algorithm not in HASHES:
            raise InvalidKeyError(f"{algorithm!r} takes no secret")
        return cls(kid, algorithm, secret)

    def verify(self, bytes signing_input not None, bytes signature not None):
        """Whether `signature`, in the form that JWS gives it, is this key's for the input."""
        return self.verify_c(signing_input, signature)

    def to_jwk(self):
        """The public key as a JWK for a JWKS; InvalidKeyError for a secret, which has none."""
        if self._family == Family.HMAC:
            raise InvalidKeyError("a secret is not published")
        return write_key(self._public_key) | {
            "kid": self.kid, "alg": self.algorithm, "use": "sig"
        }

    def __repr__(self):
        return f"<VerificationKey {self.kid!r} {self.algorithm}>"

    cdef bint verify_c(self, bytes signing_input, bytes signature) except -1:
        """:meth:`verify` without its checks for None."""
        cdef bytes der
        if self._family == Family.HMAC:
            return is_equal(self._hmac(signing_input), signature)
        try:
            if self._family == Family.EDDSA:
                if not is_ed25519_form(signature):
                    return False
                self._check(signature, signing_input)
            elif self._family == Family.ECDSA:
                der = ecdsa_der(signature, self._order)
                if der is None:
                    return False
                self._check(der, signing_input, self._scheme)
            else:
                if PyBytes_GET_SIZE(signature) != self._signature_size:
                    return False
                self._check(signature, signing_input, self._padding, self._scheme)
        except InvalidSignature:
            return False
        return True

    cdef object _prepare_hmac(self, object hash_of, bytes secret):
        """Hashes the two padded keys of RFC 2104 once, so that a check only copies them."""
        empty = hash_of()
        block = hash_of(secret).digest() if len(secret) > empty.block_size else secret
        block = block.ljust(empty.block_size, b"\0")
        self._inner = hash_of(bytes([octet ^ 0x36 for octet in block])).copy
        self._outer = hash_of(bytes([octet ^ 0x5C for octet in block])).copy

    cdef bytes _hmac(self, bytes message):
        inner = self._inner()
        inner.update(message)
        outer = self._outer()
        outer.update(inner.digest())
        return outer.digest()


@cython.final
@cython.auto_pickle(False)
cdef class Keyset:
    """Keys found by their exact kid; iterating yields them in the order given.

    Raises InvalidKeyError for no key at all unless `may_be_empty`, for a kid that occurs twice, and
    for secrets beside public keys: a set is shared with its issuers, or public.
    """

    def __cinit__(self, keys, *, bint may_be_empty=False):
        cdef VerificationKey key
        self._by_kid = {}
        for key in keys:
            if key is None:
                raise TypeError("a keyset holds keys, not None")
            if key.kid in self._by_kid:
                raise InvalidKeyError(f"the kid {key.kid!r} occurs twice")
            self._by_kid[key.kid] = key
        if not self._by_kid and not may_be_empty:
            raise InvalidKeyError("a keyset holds at least one key")
        if len({key._family == Family.HMAC for key in self._by_kid.values()}) > 1:
            raise InvalidKeyError("a keyset holds secrets or public keys, never both")

    def get(self, str kid not None):
        """The key with exactly this kid, or None."""
        return self.find(kid)

    def __len__(self):
        return len(self._by_kid)

    def __iter__(self):
        return iter(tuple(self._by_kid.values()))

    def __contains__(self, kid):
        return kid in self._by_kid

    def __repr__(self):
        return f"<Keyset of {', '.join(map(repr, self._by_kid))}>"

    cdef VerificationKey find(self, str kid):
        """The key with exactly this kid, or None."""
        return <VerificationKey>self._by_kid.get(kid)

    cdef VerificationKey only(self):
        """The one key of a keyset that has no other, or None."""
        if len(self._by_kid) != 1:
            return None
        for key in self._by_kid.values():
            return <VerificationKey>key

    cdef bint has_all_of(self, Keyset other) except -1:
        """Whether every key of another set is in this one too, the same object."""
        for kid, key in other._by_kid.items():
            if self._by_kid.get(kid) is not key:
                return False
        return True
