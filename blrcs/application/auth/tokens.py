"""What a client needs to call on behalf of a principal."""

from dataclasses import dataclass, field

from blrcs.application.ports.credentials import AccessToken
from blrcs.domain.token_limits import TokenBinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """An access token and, for users, a refresh token, with how long each is valid from now.

    Attributes:
        binding: What both are bound to.
    """

    access: AccessToken
    refresh_token: str = field(default="", repr=False)
    refresh_ttl_ns: int = 0
    binding: TokenBinding | None = None
