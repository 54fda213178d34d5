"""The text of a proof: a JWT that brings the key along that it is signed with."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple, Self

from blrcs_native.encoding.strict_json import read_object
from blrcs_native.tokens.binding import PROOF_ALGORITHMS
from blrcs_native.tokens.jws import decode_base64url, encode_base64url, split
from blrcs_native.tokens.key_rules import InvalidKeyError, algorithm_named
from blrcs_native.tokens.keys import VerificationKey

TYPE = "dpop+jwt"
MAX_BYTES = 4096

# What the thumbprint of a key is made of, in its order (RFC 7638).
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


class ProofText(NamedTuple):
    """What a text says that has the form of a proof (RFC 9449)."""

    thumbprint: str
    claims: Mapping[str, Any]
    heads: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @classmethod
    def read(cls, text: str) -> Self | None:
        """None for one that has not; nothing is verified."""
        parts = split(text.encode()) if len(text) <= MAX_BYTES and text.isascii() else None
        if parts is None:
            return None
        header, payload, signature = map(decode_base64url, parts)
        heads = None if header is None else read_object(header)
        claims = None if payload is None else read_object(payload)
        if heads is None or claims is None or signature is None:
            return None
        thumbprint = _thumbprint(heads.get("jwk"))
        if thumbprint is None:
            return None
        return cls(thumbprint, claims, heads, text.rpartition(".")[0].encode(), signature)

    @property
    def is_signed(self) -> bool:
        """Whether the signature is that of the key that it brings along."""
        key = _key(self.heads)
        return key is not None and key.verify(self.signed, self.signature)


def hash_of(text: str) -> str:
    """Its SHA-256, as proofs have it."""
    return encode_base64url(sha256(text.encode()).digest())


def _key(heads: Mapping[str, Any]) -> VerificationKey | None:
    algorithm = algorithm_named(heads.get("alg"))
    if heads.get("typ") != TYPE or "crit" in heads or algorithm not in PROOF_ALGORITHMS:
        return None
    try:
        return VerificationKey.from_jwk({**heads["jwk"], "kid": TYPE}, algorithm=algorithm)
    except InvalidKeyError:
        return None


def _thumbprint(jwk: Any) -> str | None:
    """None for what is no key of a kind that is taken, any text for what only looks like one."""
    kind = jwk.get("kty") if isinstance(jwk, dict) else None
    names = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if names is None or not all(isinstance(jwk.get(name), str) for name in names):
        return None
    # Each member is text in its one form, or the key is refused.
    members = ",".join(f'"{name}":"{jwk[name]}"' for name in names)
    return hash_of(f"{{{members}}}")
