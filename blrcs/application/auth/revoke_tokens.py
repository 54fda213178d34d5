"""Refusing tokens before they expire."""

from collections.abc import Callable, Mapping

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import RevocationStore
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.revocation import Revocation


class RevokeTokens:
    """Revokes single tokens, and all that a subject was issued until now.

    Args:
        issuer: The one that is meant where none is named.
        longest_ns: For how long a token may be accepted from its issue on, by its issuer.
    """

    def __init__(
        self,
        *,
        revocations: RevocationStore,
        issuer: str,
        longest_ns: Mapping[str, int],
        clock: Clock,
    ) -> None:
        self._revocations = revocations
        self._issuer = issuer
        self._longest_ns = longest_ns
        self._clock = clock

    async def token(self, token_id: str, *, issuer: str = "") -> None:
        """Revokes the token of that id; InvalidArgumentError for an issuer who is not trusted."""
        await self._revoke(lambda **of: Revocation(kind="token", name=token_id, **of), issuer)

    async def subject(self, subject: str, *, issuer: str = "") -> None:
        """Revokes all tokens of a subject; InvalidArgumentError likewise."""
        await self._revoke(lambda **of: Revocation(kind="subject", name=subject, **of), issuer)

    async def _revoke(self, revocation: Callable[..., Revocation], issuer: str) -> None:
        issuer = issuer or self._issuer
        longest_ns = self._longest_ns.get(issuer)
        if longest_ns is None:
            raise InvalidArgumentError("issuer", "is none whose tokens are accepted here")
        now_ns = self._clock()
        await self._revocations.add(
            revocation(issuer=issuer, time_ns=now_ns, expire_time_ns=now_ns + longest_ns)
        )
