"""Passwords, secrets and tokens, as use cases see them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from blrcs.domain.authentication import Authentication
from blrcs.domain.revocation import Revocation
from blrcs.domain.session import RefreshToken
from blrcs.domain.token_limits import NO_LIMITS, TokenBinding, TokenLimits


@dataclass(frozen=True, slots=True)
class PasswordVerdict:
    """Whether a password is the right one, and whether its hash should be made anew."""

    matches: bool
    needs_rehash: bool = False


class PasswordHasher(Protocol):
    """Slow hashes of passwords.

    Both methods raise ResourceExhaustedError when more passwords wait than can be worked on soon.
    """

    async def hash(self, password: str) -> str:
        """The hash to store, in the PHC string format."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> PasswordVerdict:
        """Compares; without a hash it takes the same time and does not match."""
        ...


class PasswordRules(Protocol):
    """Which passwords may be chosen."""

    async def check(self, password: str, *, user_id: str, field: str) -> None:
        """Raises InvalidArgumentError about ``field`` for one that may not.

        As PasswordHasher, it raises ResourceExhaustedError when too many passwords wait.
        """
        ...


@dataclass(frozen=True, slots=True)
class ApiKeySecret:
    """The text of an API key, its first characters, and the SHA-256 that is stored of it."""

    text: str = field(repr=False)
    prefix: str
    hash: bytes


class SecretGenerator(Protocol):
    """Random values that nobody can guess, and the hashes to find them again by."""

    def ordered_ids(self, now_ns: int, count: int) -> Sequence[str]:
        """As many as these, ascending, and those of a later millisecond behind all before.

        For resources of which there are many: what is created together lies together in an index.
        """
        ...

    def resource_id(self) -> str:
        """The last segment of a resource's name, for a caller that gave none."""
        ...

    def session_id(self) -> str:
        """A session's id."""
        ...

    def one_time_password(self) -> str:
        """A password that a person can type."""
        ...

    def refresh_token(self) -> RefreshToken:
        """A refresh token."""
        ...

    def refresh_hash(self, text: str) -> bytes:
        """What is stored of a refresh token; of text that is none, something never stored."""
        ...

    def challenge_id(self) -> bytes:
        """A challenge's id."""
        ...

    def recovery_code(self) -> str:
        """A code that a person can type, in place of a second factor."""
        ...

    def recovery_hash(self, text: str) -> bytes:
        """What is stored of a recovery code, however it is typed."""
        ...

    def api_key(self) -> ApiKeySecret:
        """An API key."""
        ...

    def api_key_hash(self, text: str) -> bytes | None:
        """What is stored of an API key; None for text that cannot be one."""
        ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token and how long it is valid from now."""

    text: str = field(repr=False)
    ttl_ns: int


class TokenIssuer(Protocol):
    """Signs access tokens. ``not_after_ns`` bounds a token's expiry, None leaves it alone."""

    def issue(
        self,
        principal: str,
        session_id: str,
        *,
        not_after_ns: int | None,
        password_change_required: bool = False,
        api_key_id: str = "",
        authentication: Authentication | None = None,
        limits: TokenLimits = NO_LIMITS,
    ) -> AccessToken:
        """A token for a principal, which ends with what ``session_id`` names."""
        ...


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a valid token says. Times are nanoseconds since the Unix epoch.

    Attributes:
        principal: Whose it is here, whatever the issuer calls it.
        scope: What it may be used for; None where that is not narrowed.
        actors: Who acts for the principal by it, the present one first.
        actor_sessions: The sessions by which they do.
        is_foreign: Another issuer has issued it.
    """

    principal: str
    session_id: str
    token_id: str
    issuer: str
    audiences: Sequence[str]
    issue_time_ns: int
    expire_time_ns: int
    scope: Sequence[str] | None = None
    actors: Sequence[str] = ()
    actor_sessions: Sequence[str] = ()
    binding: TokenBinding | None = None
    password_change_required: bool = False
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants to know of a token, and from where: both pay for one that is verified in vain."""

    principal: str
    address: str


class TokenInspector(Protocol):
    """Reads access tokens."""

    def inspect(self, token: str, asker: Asker) -> TokenFacts | None:
        """What the token says; None unless it is valid now beyond doubt.

        Raises ResourceExhaustedError where the asker has had too many verified in vain.
        """
        ...


class PublicKeys(Protocol):
    """The public halves of the keys that sign access tokens."""

    def jwks(self) -> Sequence[Mapping[str, str]]:
        """Each as the members of a JSON Web Key (RFC 7517)."""
        ...


class Revoker(Protocol):
    """Refuses tokens that have not expired yet."""

    def revoke_sessions(self, session_ids: Iterable[str], *, expires_at_ns: int) -> None:
        """Refuses the tokens of these sessions from now on.

        They may be forgotten at ``expires_at_ns``, when none of them is valid any more.
        """
        ...

    def restore_sessions(self, session_ids: Iterable[str], *, expires_at_ns: int) -> None:
        """As ``revoke_sessions``, for what is stored, so that other processes need not be told."""
        ...

    def revoke(self, revocation: Revocation) -> None:
        """Refuses other tokens from now on."""
        ...

    def restore(self, revocation: Revocation) -> None:
        """As ``revoke``, for what is stored."""
        ...


class RevocationStore(Protocol):
    """Revocations that outlast the process."""

    async def add(self, revocation: Revocation) -> None:
        """Stores one; it is in force everywhere when this returns."""
        ...


class SignInThrottle(Protocol):
    """Bounds failed proofs of identity, alike for accounts that exist and that do not.

    An address that is ``familiar`` for an account is counted apart from all others. Methods raise
    UnavailableError where nobody can tell what has been counted.
    """

    async def allow(self, user_id: str, address: str, *, familiar: bool = False) -> int | None:
        """Takes an attempt in advance: None when it may go on, else nanoseconds to wait."""
        ...

    async def refund(self, user_id: str, address: str, *, familiar: bool = False) -> None:
        """Gives back an attempt that was no failure."""
        ...

    async def forgive(self, user_id: str, addresses: Iterable[str] = ()) -> None:
        """Forgets an account's failures, and those from addresses that are familiar for it."""
        ...


class AdministratorGrant(Protocol):
    """Makes a principal an administrator; granting again changes nothing."""

    async def __call__(self, principal: str) -> None:
        """Returns when the grant is durable."""
        ...
