"""Sessions: sign-ins that have not ended, and the refresh tokens that carry them on."""

from dataclasses import dataclass, field

from blrcs.domain.authentication import Authentication
from blrcs.domain.identity_name import session_name
from blrcs.domain.token_limits import TokenBinding

UNKNOWN = Authentication()
"""By a password, nobody knows when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        display_name: What the user called it, such as the name of a device.
        address: Where it was opened from.
        binding: What all its tokens are bound to, and what must be shown to refresh it.
        refresh_time_ns: When it was refreshed last; the time of sign-in before that.
        expire_time_ns: When it ends unless it is refreshed before.
        end_time_ns: When it ends however often it is refreshed.
        authentication: How its user was authenticated, last.
    """

    id: str
    user_id: str
    display_name: str = ""
    address: str = ""
    binding: TokenBinding | None = None
    create_time_ns: int
    refresh_time_ns: int
    expire_time_ns: int
    end_time_ns: int
    authentication: Authentication = UNKNOWN

    @property
    def name(self) -> str:
        """``users/{user}/sessions/{session}``."""
        return session_name(self.user_id, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLifetime:
    """How long sessions last, in nanoseconds: without a refresh, and at the most."""

    refresh_ns: int
    total_ns: int

    def __post_init__(self) -> None:
        if not 0 < self.refresh_ns <= self.total_ns:
            raise ValueError("a session lasts at least as long as its refresh tokens, and not 0")

    def open(
        self,
        session_id: str,
        user_id: str,
        *,
        display_name: str,
        address: str,
        now_ns: int,
        authentication: Authentication = UNKNOWN,
        binding: TokenBinding | None = None,
    ) -> Session:
        """A session opened now."""
        return Session(
            id=session_id,
            user_id=user_id,
            display_name=display_name,
            address=address,
            binding=binding,
            create_time_ns=now_ns,
            refresh_time_ns=now_ns,
            expire_time_ns=now_ns + self.refresh_ns,
            end_time_ns=now_ns + self.total_ns,
            authentication=authentication,
        )

    def extend(self, end_time_ns: int, *, now_ns: int) -> int:
        """The expiry of a session that is refreshed now and ends at ``end_time_ns`` at the most."""
        return min(now_ns + self.refresh_ns, end_time_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A refresh token, and the SHA-256 of its text, which alone is stored."""

    text: str = field(repr=False)
    hash: bytes
