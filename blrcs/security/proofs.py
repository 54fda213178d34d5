"""Proofs that a caller has a key, a new one for each call: DPoP (RFC 9449), in ``dpop``."""

from collections.abc import Awaitable, Collection, Mapping
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.shared_counts import SpentProofs
from blrcs.domain.errors import ResourceExhaustedError, UnauthenticatedError
from blrcs.security.proof_payments import ProofPayments
from blrcs.security.proof_text import ProofText, hash_of
from blrcs.security.target_uri import normal_target
from blrcs_native.calls.call import Call
from blrcs_native.limits.limiter import Limiter, Rule

PROOF = "dpop"
METHOD = "POST"
MAX_ID_CHARACTERS = 128
NS_PER_S = 1_000_000_000
MAX_AGE_S = 60
TOO_MANY = (
    "the proof was not looked at: too many from your address came to nothing; try again later"
)
REMEMBERED_CALLS = 16_384

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
        strangers: The same for those that come without a token, of which there may be any number;
            they have no others forgotten.
        payments: Bounds what comes to nothing; None for no bound.
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
        strangers: Limiter | None = None,
        payments: ProofPayments | None = None,
    ) -> None:
        self._limiter = limiter
        self._strangers = limiter if strangers is None else strangers
        self._payments = payments
        self._elsewhere = elsewhere
        self._origins = tuple(origin.rstrip("/") for origin in origins)
        # What is no URI is compared by its letters alone.
        normal = (normal_target(origin) for origin in self._origins)
        self._normal_origins = tuple(each.rstrip("/") for each in normal if each is not None)
        self._clock = clock
        self._shown: dict[Call, tuple[str, str]] = {}
        """By calls that run: the proof and the token that they have come in with."""
        self._unknown_elsewhere: dict[bytes, _Proof] = {}

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
        read = self._read(texts[0], call, token, thumbprint)
        if read is None or not self._may_verify(call, thumbprint):
            return False
        proof = self._verified(read, self._limiter)
        if proof is None:
            return False
        if self._payments is not None:
            self._payments.give_back(call.peer_address, thumbprint)
        self._shown[call] = shown
        call.add_done_callback(self._forget)
        if self._elsewhere is not None:
            _remember(self._unknown_elsewhere, _digest(texts[0]), proof)
        return True

    def spend_elsewhere(self, call: Call) -> Awaitable[bool] | None:
        """Whether no other machine has taken the proof that was just checked; None without one."""
        if self._elsewhere is None:
            return None
        texts = _texts(call)
        proof = self._unknown_elsewhere.pop(_digest(texts[0]), None) if texts else None
        return None if proof is None else self._elsewhere.spend(proof.name, ELSEWHERE_NS)

    async def proven_key(self, call: Call) -> str | None:
        """The thumbprint of the key that a call without a token proves; None without a proof.

        The call's address pays for its signature, until ``vouch_for`` says that it was worth it;
        where others have taken what there is, and may give it back, the call waits for them, for
        ten seconds at most.

        Raises:
            ResourceExhaustedError: Its address has had too many looked at in vain.
            UnauthenticatedError: There is a proof, and it is not good.
            UnavailableError: Nobody can tell whether it was used.
        """
        texts = _texts(call)
        if not texts:
            return None
        read = self._read(texts[0], call) if len(texts) == 1 else None
        proof = None
        if read is not None:
            await self._turn(call)
            if self._is_of_now(read.claims):
                proof = self._verified(read, self._strangers)
            else:
                self._give_back(call)  # it has grown old as it waited
        if proof is not None and self._elsewhere is not None:
            proof = proof if await self._elsewhere.spend(proof.name, ELSEWHERE_NS) else None
        if proof is None:
            raise UnauthenticatedError("TOKEN_PROOF_INVALID", "the proof in dpop is not valid")
        return proof.thumbprint

    def _forget(self, call: Call) -> None:
        self._shown.pop(call, None)

    def vouch_for(self, call: Call) -> None:
        """What the call shows besides its proof was good."""
        if _texts(call):
            self._give_back(call)

    def _give_back(self, call: Call) -> None:
        if self._payments is not None:
            self._payments.give_back(call.peer_address)

    def _read(
        self, text: str, call: Call, token: str | None = None, thumbprint: str = ""
    ) -> ProofText | None:
        """A proof that is for a call, though its signature may not be good; None for any other.

        With a token it is that of the key with the thumbprint. What can be told without verifying
        a signature costs nobody anything.
        """
        read = ProofText.read(text)
        if read is None or thumbprint not in {"", read.thumbprint}:
            return None
        identity = read.claims.get("jti")
        if not isinstance(identity, str) or not 0 < len(identity) <= MAX_ID_CHARACTERS:
            return None
        return read if self._is_for(read.claims, call.method.name, token) else None

    @staticmethod
    def _verified(read: ProofText, limiter: Limiter) -> "_Proof | None":
        """The proof if it is signed, and new on this machine."""
        if not read.is_signed:
            return None
        proof = _Proof(read.thumbprint, read.claims["jti"])
        return proof if limiter.consume(_ONCE, proof.name).allowed else None

    def _is_for(self, claims: Mapping[str, Any], method: str, token: str | None) -> bool:
        """Whether it is for a call of now, of a method, with a token or without one."""
        return (
            self._is_of_now(claims)
            and claims.get("htm") == METHOD
            and claims.get("ath") == (None if token is None else hash_of(token))
            and self._is_target(claims.get("htu"), method)
        )

    def _is_target(self, uri: object, method: str) -> bool:
        """Whether a URI is that of a method; letters are compared first, as most are equal."""
        if not isinstance(uri, str):
            return False
        if uri in [origin + method for origin in self._origins]:
            return True
        normal = normal_target(uri)
        return normal in [origin + method for origin in self._normal_origins]

    def _is_of_now(self, claims: Mapping[str, Any]) -> bool:
        issued = claims.get("iat")
        return type(issued) is int and abs(self._clock() // NS_PER_S - issued) <= MAX_AGE_S

    def _may_verify(self, call: Call, thumbprint: str) -> bool:
        """Whether so little was sent in vain with the token of a key, from the call's address."""
        return self._payments is None or self._payments.take(call.peer_address, thumbprint)

    async def _turn(self, call: Call) -> None:
        """Returns when a call without a token may have its proof verified.

        Raises:
            ResourceExhaustedError: Its address has had too many verified in vain.
        """
        payments, address = self._payments, call.peer_address
        if payments is None:
            return
        if not await payments.turn(address):
            raise ResourceExhaustedError(
                "PROOF_NOT_VERIFIED", TOO_MANY, retry_after_ns=payments.retry_after_ns
            )
        call.add_done_callback(lambda _: payments.ended(address))


class _Proof(NamedTuple):
    """A proof, and the key that it is signed with."""

    thumbprint: str
    id: str

    @property
    def name(self) -> str:
        """Tells it from all others. A thumbprint has no slash."""
        return f"{self.thumbprint}/{self.id}"


def _digest(*texts: str) -> bytes:
    """What is remembered of texts that are large. None of them has a line break.

    Only ASCII is ever remembered, so that nothing else is taken for it.
    """
    return sha256("\n".join(texts).encode(errors="replace")).digest()


def _remember(remembered: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if len(remembered) >= REMEMBERED_CALLS:
        remembered.pop(next(iter(remembered)))
    remembered[key] = value


def _texts(call: Call) -> list[str]:
    return [str(value) for name, value in call.metadata if name == PROOF]
