"""Opening a session for a user who has proven who it is."""

from dataclasses import dataclass

from blrcs.application.auth.tokens import Tokens
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator, TokenIssuer
from blrcs.application.ports.identity import SessionRepository
from blrcs.domain.authentication import Authentication
from blrcs.domain.session import Session, SessionLifetime
from blrcs.domain.token_limits import TokenBinding, TokenLimits
from blrcs.domain.user import User


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session just opened."""

    tokens: Tokens
    session: Session
    password_change_required: bool


class OpenSession:
    """Opens sessions and issues their first tokens."""

    def __init__(
        self,
        *,
        sessions: SessionRepository,
        secrets: SecretGenerator,
        tokens: TokenIssuer,
        lifetime: SessionLifetime,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._secrets = secrets
        self._tokens = tokens
        self._lifetime = lifetime
        self._clock = clock

    async def __call__(
        self,
        user: User,
        authentication: Authentication,
        *,
        display_name: str,
        address: str,
        binding: TokenBinding | None = None,
        password_hash: str = "",
    ) -> SignedIn | None:
        """A session; None if the user was changed so that there may be none.

        Args:
            user: As read before the proof.
            authentication: The proof.
            display_name: What the session is shown as.
            address: Where it is opened from.
            binding: What all its tokens are bound to, if to anything.
            password_hash: To be stored with it; by default the one that is.
        """
        session = self._lifetime.open(
            self._secrets.session_id(),
            user.id,
            display_name=display_name,
            address=address,
            now_ns=self._clock(),
            authentication=authentication,
            binding=binding,
        )
        refresh = self._secrets.refresh_token()
        opened = await self._sessions.open(
            session,
            refresh_hash=refresh.hash,
            user=user,
            password_hash=password_hash or user.password_hash,
        )
        if not opened:
            return None
        access = self._tokens.issue(
            user.name,
            session.id,
            not_after_ns=session.end_time_ns,
            password_change_required=user.password_change_required,
            authentication=authentication,
            limits=TokenLimits(binding=binding),
        )
        tokens = Tokens(
            access=access,
            refresh_token=refresh.text,
            refresh_ttl_ns=self._lifetime.refresh_ns,
            binding=binding,
        )
        return SignedIn(tokens, session, user.password_change_required)
