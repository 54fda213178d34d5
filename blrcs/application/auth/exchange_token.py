"""Exchanging a token for a narrower one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from blrcs.application.auth.tokens import Tokens
from blrcs.application.ports.credentials import Asker, TokenFacts, TokenInspector, TokenIssuer
from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.token_limits import TokenBinding, TokenLimits, covers

MAX_ACTORS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks for the exchange, and will use the token.

    Attributes:
        session_id: That of the caller's token; the token got ends with it.
        is_foreign: Another issuer vouches for it.
        address: From where it asks.
        binding: What the caller's own token is bound to.
        actors: Who acts by the caller's token where that was exchanged itself, the present one
            first.
        actor_sessions: The sessions by which they do.
        expire_time_ns: When the caller's token expires, where it was exchanged itself.
    """

    name: str
    session_id: str
    address: str
    is_foreign: bool = False
    binding: TokenBinding | None = None
    actors: Sequence[str] = ()
    actor_sessions: Sequence[str] = ()
    expire_time_ns: int | None = None

    def acting_with(self, facts: TokenFacts) -> tuple[Sequence[str], Sequence[str]]:
        """Who acts by a token of this caller for a subject, and by which sessions."""
        actors, sessions = self.actors, self.actor_sessions
        if self.name != facts.principal:
            actors, sessions = (*actors, self.name), (*sessions, self.session_id)
        elif set(sessions) <= set(facts.actor_sessions):
            # They act by the token that is given already.
            actors, sessions = (), ()
        return (*actors, *facts.actors), (*sessions, *facts.actor_sessions)


class ExchangeToken:
    """Issues a token with which the caller acts for a principal who gave it one (RFC 8693).

    It is good for less in every respect: one audience, some permissions, and no longer than either
    the token that was given or the sessions of both. Where the caller's own token was exchanged, it
    carries those who act by that as well, and lives no longer than that.

    Args:
        audiences: Those that may be asked for; any other is refused.
    """

    def __init__(
        self, *, inspector: TokenInspector, tokens: TokenIssuer, audiences: Collection[str]
    ) -> None:
        self._inspector = inspector
        self._tokens = tokens
        self._audiences = frozenset(audiences)

    async def __call__(
        self,
        actor: Actor,
        *,
        subject: str,
        subject_token: str,
        audience: str,
        scope: Sequence[str],
    ) -> Tokens:
        """The token.

        Raises:
            InvalidArgumentError: The token is not valid or not the subject's, or the scope is wider
                than its own, or the audience is none that tokens are exchanged for.
            FailedPreconditionError: The token is none that can be exchanged by this caller.
            ResourceExhaustedError: The caller has had too many tokens verified in vain.
        """
        facts = self._inspector.inspect(subject_token, Asker(actor.name, actor.address))
        if facts is None or facts.principal != subject:
            raise InvalidArgumentError(
                "subject_token", "is not a valid token of the subject", reason="SUBJECT_TOKEN"
            )
        self._require_exchangeable(facts, actor)
        if audience not in self._audiences:
            raise InvalidArgumentError(
                "audience", "is none that tokens are exchanged for", reason="AUDIENCE_UNKNOWN"
            )
        _require_narrower(scope, facts)
        actors, sessions = actor.acting_with(facts)
        if len(actors) > MAX_ACTORS:
            raise FailedPreconditionError(
                "DELEGATION_TOO_DEEP", f"at most {MAX_ACTORS} act for a principal by one token"
            )
        ends = (facts.expire_time_ns, actor.expire_time_ns)
        access = self._tokens.issue(
            subject,
            facts.session_id,
            not_after_ns=min(each for each in ends if each is not None),
            limits=TokenLimits(
                audience=audience,
                scope=tuple(scope),
                actors=actors,
                actor_sessions=sessions,
                binding=actor.binding,
            ),
        )
        return Tokens(access=access, binding=actor.binding)

    def _require_exchangeable(self, facts: TokenFacts, actor: Actor) -> None:
        if facts.is_foreign or actor.is_foreign or not facts.session_id or not actor.session_id:
            raise FailedPreconditionError(
                "TOKEN_FOREIGN", "only tokens that this server issued are exchanged, and by such"
            )
        if facts.password_change_required:
            raise FailedPreconditionError(
                "PASSWORD_CHANGE_REQUIRED", "the subject must change its password first"
            )
        if facts.binding is not None and facts.binding != actor.binding:
            raise FailedPreconditionError(
                "TOKEN_BOUND", "the token is bound to something that the caller has not shown"
            )


def _require_narrower(scope: Sequence[str], facts: TokenFacts) -> None:
    if facts.scope is None:
        return
    if not all(covers(facts.scope, pattern) for pattern in scope):
        raise InvalidArgumentError(
            "scope", "is wider than that of the subject's token", reason="SCOPE_TOO_WIDE"
        )
