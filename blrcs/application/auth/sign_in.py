"""Signing in with a password."""

from dataclasses import dataclass

from blrcs.application.auth.prove_password import PasswordProof, ProvePassword
from blrcs.application.auth.tokens import Tokens
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import PasswordHasher, SecretGenerator, TokenIssuer
from blrcs.application.ports.identity import SessionRepository
from blrcs.domain.errors import ResourceExhaustedError, UnauthenticatedError
from blrcs.domain.session import Session, SessionLifetime
from blrcs.domain.token_limits import TokenBinding, TokenLimits


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session just opened."""

    tokens: Tokens
    session: Session
    password_change_required: bool


class SignIn:
    """Opens a session for a user who proves to know the password."""

    def __init__(
        self,
        *,
        prove_password: ProvePassword,
        sessions: SessionRepository,
        hasher: PasswordHasher,
        secrets: SecretGenerator,
        tokens: TokenIssuer,
        lifetime: SessionLifetime,
        clock: Clock,
    ) -> None:
        self._prove_password = prove_password
        self._sessions = sessions
        self._hasher = hasher
        self._secrets = secrets
        self._tokens = tokens
        self._lifetime = lifetime
        self._clock = clock

    async def __call__(
        self,
        user_id: str,
        password: str,
        *,
        display_name: str = "",
        address: str = "",
        binding: TokenBinding | None = None,
    ) -> SignedIn:
        """Opens a session; all its tokens are bound to what the caller has shown, if to anything.

        Raises:
            UnauthenticatedError: The password is wrong, or the user disabled or unknown; it does
                not tell which.
            ResourceExhaustedError: See ProvePassword.
        """
        proof = await self._prove_password(user_id, password, address=address)
        if proof is None:
            raise self._refusal
        session = self._lifetime.open(
            self._secrets.session_id(),
            user_id,
            display_name=display_name,
            address=address,
            binding=binding,
            now_ns=self._clock(),
        )
        refresh = self._secrets.refresh_token()
        opened = await self._sessions.open(
            session,
            refresh_hash=refresh.hash,
            user=proof.user,
            password_hash=await self._hash_to_store(proof, password),
        )
        if not opened:
            raise self._refusal
        change_required = proof.user.password_change_required
        access = self._tokens.issue(
            proof.user.name,
            session.id,
            not_after_ns=session.end_time_ns,
            password_change_required=change_required,
            limits=TokenLimits(binding=binding),
        )
        tokens = Tokens(
            access=access, refresh_token=refresh.text, refresh_ttl_ns=self._lifetime.refresh_ns
        )
        return SignedIn(tokens, session, change_required)

    @property
    def _refusal(self) -> UnauthenticatedError:
        return UnauthenticatedError("CREDENTIALS_INVALID", "the user id or the password is wrong")

    async def _hash_to_store(self, proof: PasswordProof, password: str) -> str:
        if proof.needs_rehash:
            try:
                return await self._hasher.hash(password)
            except ResourceExhaustedError:
                pass  # another sign-in will find the time
        return proof.user.password_hash
