"""Exchanging a refresh token."""

from collections.abc import Collection

from blrcs.application.auth.tokens import Tokens
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator, TokenIssuer
from blrcs.application.ports.identity import SessionRepository
from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.session import SessionLifetime
from blrcs.domain.token_limits import TokenBinding, TokenLimits


class Refresh:
    """Spends a refresh token for new tokens of its session (RFC 9700, section 4.14.2).

    A token presented again ends the session, for either the first or the second who presented it
    is a thief. Of two calls at once with one token the second counts as such too: a client must
    not refresh twice at the same time, and one that lost the reply signs in again.
    """

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
        self, refresh_token: str, *, bindings: Collection[TokenBinding] = ()
    ) -> Tokens:
        """New tokens, bound to what the session is bound to.

        Where what the session is bound to is not among all that the caller has shown, the
        ``bindings``, nothing is done: whoever has only stolen a token cannot end the session.

        Raises:
            UnauthenticatedError: The token is unknown, expired or spent, the session is bound to
                something else, or the user is disabled; it does not tell which.
        """
        renewed = self._secrets.refresh_token()
        now_ns = self._clock()
        rotated = await self._sessions.rotate(
            self._secrets.refresh_hash(refresh_token),
            renewed_hash=renewed.hash,
            lifetime=self._lifetime,
            bindings=bindings,
            now_ns=now_ns,
        )
        if rotated is None:
            raise UnauthenticatedError("REFRESH_TOKEN_INVALID", "the refresh token is not valid")
        session, user = rotated
        access = self._tokens.issue(
            user.name,
            session.id,
            not_after_ns=session.end_time_ns,
            password_change_required=user.password_change_required,
            authentication=session.authentication,
            limits=TokenLimits(binding=session.binding),
        )
        return Tokens(
            access=access,
            refresh_token=renewed.text,
            refresh_ttl_ns=session.expire_time_ns - now_ns,
            binding=session.binding,
        )
