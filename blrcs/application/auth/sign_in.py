"""Signing in with a password."""

from dataclasses import dataclass, field, replace

from blrcs.application.auth.open_session import OpenSession, SignedIn
from blrcs.application.auth.prove_password import PasswordProof, ProvePassword
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import PasswordHasher, SecretGenerator
from blrcs.application.ports.identity import UserChange, UserRepository
from blrcs.application.ports.second_factors import (
    Challenges,
    PasskeyCeremonies,
    SecondFactorRepository,
)
from blrcs.domain.authentication import by_password
from blrcs.domain.errors import NotFoundError, ResourceExhaustedError, UnauthenticatedError
from blrcs.domain.second_factor import Challenge, SecondFactors
from blrcs.domain.token_limits import TokenBinding
from blrcs.domain.user import User

SIGN_IN = "sign-in"
CHALLENGE_TTL_NS = 5 * 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class SecondFactorRequired:
    """The password was right, and is not enough.

    Attributes:
        challenge: To be brought back to CompleteSignIn with an answer.
        passkey_options: What a passkey is asked by, as JSON; empty where there is none.
        ttl_ns: How long it is valid from now.
    """

    challenge: str = field(repr=False)
    ttl_ns: int
    factors: SecondFactors
    passkey_options: str = ""


def credentials_refusal() -> UnauthenticatedError:
    """Says no more than that it will not do."""
    return UnauthenticatedError("CREDENTIALS_INVALID", "the user id or the password is wrong")


class SignIn:
    """Opens a session for a user who proves to know the password, and has no second factor."""

    def __init__(
        self,
        *,
        prove_password: ProvePassword,
        users: UserRepository,
        hasher: PasswordHasher,
        second_factors: SecondFactorRepository,
        ceremonies: PasskeyCeremonies,
        challenges: Challenges,
        open_session: OpenSession,
        secrets: SecretGenerator,
        clock: Clock,
    ) -> None:
        self._prove_password = prove_password
        self._users = users
        self._hasher = hasher
        self._second_factors = second_factors
        self._ceremonies = ceremonies
        self._challenges = challenges
        self._open_session = open_session
        self._secrets = secrets
        self._clock = clock

    async def __call__(
        self,
        user_id: str,
        password: str,
        *,
        display_name: str = "",
        address: str = "",
        binding: TokenBinding | None = None,
    ) -> SignedIn | SecondFactorRequired:
        """Opens a session, or says what is still needed for one.

        All its tokens are bound to what the caller has shown, if to anything.

        Raises:
            UnauthenticatedError: The password is wrong, or the user disabled or unknown; it does
                not tell which.
            ResourceExhaustedError: See ProvePassword.
        """
        proof = await self._prove_password(user_id, password, address=address)
        if proof is None:
            raise credentials_refusal()
        password_hash = await self._hash_to_store(proof, password)
        factors = await self._second_factors.of_user(user_id)
        if factors.are_asked_for:
            await self._store_hash(proof.user, password_hash)
            return await self._challenge(proof.user, factors, display_name)
        signed_in = await self._open_session(
            proof.user,
            by_password(self._clock()),
            display_name=display_name,
            address=address,
            binding=binding,
            password_hash=password_hash,
        )
        if signed_in is None:
            raise credentials_refusal()
        return signed_in

    async def _challenge(
        self, user: User, factors: SecondFactors, display_name: str
    ) -> SecondFactorRequired:
        challenge = Challenge(
            purpose=SIGN_IN,
            id=self._secrets.challenge_id(),
            expire_time_ns=self._clock() + CHALLENGE_TTL_NS,
            user_id=user.id,
            password_time_ns=user.password_time_ns,
            display_name=display_name,
        )
        options = ""
        if factors.passkeys and self._ceremonies.are_on:
            allowed = [each.credential_id for each in factors.passkeys]
            options = self._ceremonies.request_options(challenge.id, allowed=allowed)
        text = await self._challenges.issue(challenge)
        return SecondFactorRequired(text, CHALLENGE_TTL_NS, factors, options)

    async def _hash_to_store(self, proof: PasswordProof, password: str) -> str:
        if proof.needs_rehash:
            try:
                return await self._hasher.hash(password)
            except ResourceExhaustedError:
                pass  # another sign-in will find the time
        return proof.user.password_hash

    async def _store_hash(self, user: User, password_hash: str) -> None:
        """Stores a new hash of the same password, unless the password has changed since."""
        if password_hash == user.password_hash:
            return

        def change(stored: User) -> UserChange:
            same = stored.password_hash == user.password_hash
            return UserChange(replace(stored, password_hash=password_hash) if same else stored)

        try:
            await self._users.update(user.id, change)
        except NotFoundError:
            raise credentials_refusal() from None
