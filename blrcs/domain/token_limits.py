"""What an access token is limited to, beyond its time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self


@dataclass(frozen=True, slots=True)
class TokenBinding:
    """What the caller must show besides a token: a client certificate, or a proof of a key.

    Attributes:
        kind: RFC 8705 for certificates, RFC 9449 for proofs.
        thumbprint: The SHA-256 of the certificate or of the key, in base64url.
    """

    kind: Literal["certificate", "proof"]
    thumbprint: str

    @property
    def text(self) -> str:
        """As it is stored."""
        return f"{self.kind}:{self.thumbprint}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What was stored."""
        kind, _, thumbprint = text.partition(":")
        return cls("certificate" if kind == "certificate" else "proof", thumbprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLimits:
    """Whom and what a token is for.

    Attributes:
        audience: Who accepts it; empty for this server.
        scope: The permissions that it may be used for, as patterns; None for all that the
            principal holds.
        actors: Who acts for the principal by it, the present one first.
        actor_sessions: The sessions by which they do; it ends with each of them.
        binding: What its caller must show.
    """

    audience: str = ""
    scope: Sequence[str] | None = None
    actors: Sequence[str] = ()
    actor_sessions: Sequence[str] = ()
    binding: TokenBinding | None = None


NO_LIMITS = TokenLimits()


def actors_in(claims: Mapping[str, object]) -> Iterator[str]:
    """Who acts by a token with these claims (``act``), the present one first."""
    actor = claims.get("act")
    while isinstance(actor, dict) and isinstance(actor.get("sub"), str):
        yield actor["sub"]
        actor = actor.get("act")


def covers(scope: Iterable[str], pattern: str) -> bool:
    """Whether a scope holds all that a pattern stands for, such as ``orders.*``."""
    return any(
        own in ("*", pattern) or (own.endswith(".*") and pattern.startswith(own[:-1]))
        for own in scope
    )
