"""Checkpoints: records that are signed, and with them all that comes before them in their chain.

A checkpoint's last member is the signature (Ed25519) of what stands before it in the line, from the
hash of the record before on. It names the last checkpoints of the other chains of its server, so
that none can lose its end, or vanish, unnoticed.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from blrcs.audit.line import Line
from blrcs.security.signing_keys import SigningKey, jwk_of

CHECKPOINT = "checkpoint"
RETIRED = "retired"
ROTATED = "rotated"
RESTORED = "restored"
FORGOTTEN = "forgotten"
SIGNED_KINDS = frozenset({CHECKPOINT, RETIRED, ROTATED, RESTORED, FORGOTTEN})
PURPOSE = b"blrcs audit record 1\n"
_MEMBER = b',"signature":"'
_END = b'"}'


class Signer(Protocol):
    """Signs records, and knows its own signatures."""

    @property
    def kid(self) -> str:
        """Names the key."""
        ...

    def sign(self, content: bytes) -> bytes:
        """What is to be sealed, with the signature."""
        ...


class Signers(Protocol):
    """The keys that sign, one after another."""

    def current(self) -> Signer:
        """The one that signs now."""
        ...

    def knows(self, line: Line) -> bool:
        """Whether one of them has signed the record."""
        ...

    def handovers(self, kid: str, to: str) -> Sequence[Mapping[str, Any]]:
        """How a key, by way of others, has handed over to another; none if it has not.

        Args:
            kid: Names the key; empty for any: then all that led to the other.
            to: Names the other.
        """
        ...


class KeySigner:
    """Signs with one key of the audit log's own. Implements Signers, of one that never changes."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._keys = PublicAuditKeys({key.kid: key.private_key.public_key()})

    @property
    def kid(self) -> str:
        """See Signer."""
        return self._key.kid

    def sign(self, content: bytes) -> bytes:
        """See Signer."""
        open_content = content.removesuffix(b"}")
        signature = base64.b64encode(self._key.private_key.sign(PURPOSE + open_content))
        return open_content + _MEMBER + signature + _END

    def current(self) -> Self:
        """See Signers."""
        return self

    def knows(self, line: Line) -> bool:
        """See Signers."""
        return self._keys.signed(line)

    def handovers(self, kid: str, to: str) -> Sequence[Mapping[str, Any]]:
        """See Signers."""
        del kid, to
        return ()


class PublicAuditKeys:
    """The public keys that a verification trusts, by their thumbprints."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def of_jwks(cls, jwks: Iterable[Mapping[str, str]]) -> "PublicAuditKeys":
        """From keys as ``blrcs audit key`` prints them; ValueError where one is none."""
        keys = (key_of(jwk) for jwk in jwks)
        return cls({jwk_of(key)["kid"]: key for key in keys})

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    def __or__(self, other: "PublicAuditKeys") -> "PublicAuditKeys":
        return PublicAuditKeys({**self._keys, **other._keys})

    def jwks(self) -> list[dict[str, str]]:
        """As ``of_jwks`` reads them."""
        return [jwk_of(key) for key in self._keys.values()]

    def signed(self, line: Line) -> bool:
        """Whether one of them has signed the record."""
        key = self._keys.get(str(line.values.get("key")))
        content, member, signature = line.sealed.rpartition(_MEMBER)
        if key is None or not member or not signature.endswith(_END):
            return False
        try:
            key.verify(
                base64.b64decode(signature.removesuffix(_END), validate=True), PURPOSE + content
            )
        except (InvalidSignature, binascii.Error):
            return False
        return True


def key_of(jwk: Mapping[str, str]) -> Ed25519PublicKey:
    """The public key in a JWK; ValueError where it is none."""
    if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise ValueError("is no Ed25519 key (JWK)")
    x = jwk.get("x", "")
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))


def jwk_set(key: SigningKey) -> bytes:
    """The public key, for those who verify (RFC 7517)."""
    return orjson.dumps({"keys": key.jwks()}, option=orjson.OPT_INDENT_2)


def place_of(line: Line) -> dict[str, Any]:
    """A record as others name it."""
    return {"seq": line.seq, "hash": line.hash}
