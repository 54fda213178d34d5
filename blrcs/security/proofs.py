"""Proofs that a caller has a key, a new one for each call: DPoP (RFC 9449), in ``dpop``."""

import hashlib
from collections.abc import Awaitable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.shared_counts import SpentProofs
from blrcs.domain.errors import UnauthenticatedError
from blrcs_native.call import Call
from blrcs_native.jws import decode_base64url, encode_base64url, split
from blrcs_native.key_rules import InvalidKeyError
from blrcs_native.keys import VerificationKey
from blrcs_native.limiter import Limiter, Rule
from blrcs_native.strict_json import read_object

PROOF = "dpop"
TYPE = "dpop+jwt"
ALGORITHMS = ("ES256", "EdDSA")
METHOD = "POST"
MAX_BYTES = 4096
MAX_ID_CHARACTERS = 128
NS_PER_S = 1_000_000_000
MAX_AGE_S = 60
REMEMBERED_CALLS = 16_384

# What the thumbprint of a key is made of, in its order (RFC 7638).
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}

# A proof is good from one age before its time to one after it.
REMEMBERED_NS = 2 * (MAX_AGE_S + 1) * NS_PER_S
# A machine whose clock is behind has it good for longer, and one that is ahead forgets it sooner.
ELSEWHERE_NS = REMEMBERED_NS + 60 * NS_PER_S
_ONCE = Rule("gcra", 1, REMEMBERED_NS, identity="proof")

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class ProofChecker:
    """Checks proofs, and takes each for one call only.

    Args:
        limiter: Remembers for all workers which proofs were used.
        origins: What clients call this server, such as ``https://api.example.com``.
        elsewhere: Remembers it for other machines too; None where there are none.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        origins: Collection[str],
        clock: Clock,
        elsewhere: SpentProofs | None = None,
    ) -> None:
        self._limiter = limiter
        self._elsewhere = elsewhere
        self._origins = tuple(origin.rstrip("/") for origin in origins)
        self._clock = clock
        self._shown: dict[Call, tuple[str, str]] = {}
        """By calls that run: the proof and the token that they have come in with."""
        self._unknown_elsewhere: dict[str, _Proof] = {}

    def check(self, call: Call, thumbprint: str, token: str) -> bool:
        """Whether the call carries a new proof, by the key with a thumbprint, for a token.

        Other machines know nothing of it before ``spend_elsewhere``.
        """
        texts = _texts(call)
        if len(texts) != 1:
            return False
        # A stream passes its guards again at each message.
        shown = texts[0], token
        if self._shown.get(call) == shown:
            return True
        digest = encode_base64url(hashlib.sha256(token.encode()).digest())
        proof = self._prove(texts[0], call.method.name, digest)
        if proof is None or proof.thumbprint != thumbprint:
            return False
        self._shown[call] = shown
        call.add_done_callback(self._forget)
        if self._elsewhere is not None:
            _remember(self._unknown_elsewhere, texts[0], proof)
        return True

    def spend_elsewhere(self, call: Call) -> Awaitable[bool] | None:
        """Whether no other machine has taken the proof that was just checked; None without one."""
        if self._elsewhere is None:
            return None
        texts = _texts(call)
        proof = self._unknown_elsewhere.pop(texts[0], None) if texts else None
        return None if proof is None else self._elsewhere.spend(proof.name, ELSEWHERE_NS)

    async def proven_key(self, call: Call) -> str | None:
        """The thumbprint of the key that a call without a token proves; None without a proof.

        Raises:
            UnauthenticatedError: There is a proof, and it is not good.
            UnavailableError: Nobody can tell whether it was used.
        """
        texts = _texts(call)
        if not texts:
            return None
        proof = self._prove(texts[0], call.method.name, None) if len(texts) == 1 else None
        if proof is not None and self._elsewhere is not None:
            proof = proof if await self._elsewhere.spend(proof.name, ELSEWHERE_NS) else None
        if proof is None:
            raise UnauthenticatedError("TOKEN_PROOF_INVALID", "the proof in dpop is not valid")
        return proof.thumbprint

    def _forget(self, call: Call) -> None:
        self._shown.pop(call, None)

    def _prove(self, text: str, method: str, token_digest: str | None) -> "_Proof | None":
        """A proof that is good, and new on this machine; None for any other."""
        opened = _open(text)
        if opened is None:
            return None
        thumbprint, claims = opened
        issued, identity = claims.get("iat"), claims.get("jti")
        if type(issued) is not int or abs(self._clock() // NS_PER_S - issued) > MAX_AGE_S:
            return None
        if not isinstance(identity, str) or not 0 < len(identity) <= MAX_ID_CHARACTERS:
            return None
        if claims.get("htm") != METHOD or claims.get("ath") != token_digest:
            return None
        if claims.get("htu") not in [origin + method for origin in self._origins]:
            return None
        proof = _Proof(thumbprint, identity)
        return proof if self._limiter.consume(_ONCE, proof.name).allowed else None


class _Proof(NamedTuple):
    """A proof, and the key that it is signed with."""

    thumbprint: str
    id: str

    @property
    def name(self) -> str:
        """Tells it from all others. A thumbprint has no slash."""
        return f"{self.thumbprint}/{self.id}"


def _remember(remembered: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if len(remembered) >= REMEMBERED_CALLS:
        remembered.pop(next(iter(remembered)))
    remembered[key] = value


def _texts(call: Call) -> list[str]:
    return [str(value) for name, value in call.metadata if name == PROOF]


def _open(text: str) -> tuple[str, Mapping[str, Any]] | None:
    """The key's thumbprint and the claims, where the signature is the key's."""
    parts = split(text.encode()) if len(text) <= MAX_BYTES and text.isascii() else None
    if parts is None:
        return None
    header, payload, signature = map(decode_base64url, parts)
    heads = None if header is None else read_object(header)
    claims = None if payload is None else read_object(payload)
    if heads is None or claims is None or signature is None:
        return None
    jwk = heads.get("jwk")
    key = _key(jwk, heads) if isinstance(jwk, dict) else None
    if key is None or not key.verify(text.rpartition(".")[0].encode(), signature):
        return None
    return _thumbprint(jwk), claims


def _key(jwk: Mapping[str, Any], heads: Mapping[str, Any]) -> VerificationKey | None:
    algorithm = heads.get("alg")
    if heads.get("typ") != TYPE or "crit" in heads or algorithm not in ALGORITHMS:
        return None
    try:
        return VerificationKey.from_jwk({**jwk, "kid": PROOF}, algorithm=algorithm)
    except InvalidKeyError:
        return None


def _thumbprint(jwk: Any) -> str:
    # Each member is text in its one form, or the key would have been refused.
    members = ",".join(f'"{name}":"{jwk[name]}"' for name in _MEMBERS[jwk["kty"]])
    return encode_base64url(hashlib.sha256(f"{{{members}}}".encode()).digest())
