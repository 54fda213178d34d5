"""What a client needs to call on behalf of a principal."""

from dataclasses import dataclass, field

from blrcs.application.ports.credentials import AccessToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """An access token and, for users, a refresh token, with how long each is valid from now."""

    access: AccessToken
    refresh_token: str = field(default="", repr=False)
    refresh_ttl_ns: int = 0
