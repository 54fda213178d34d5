"""Storage of users, service accounts, API keys and sessions, as use cases see it.

Every method is one atomic step, and durable when it returns. Where one makes tokens worthless
(a user is disabled, a session ends), they are refused from the moment it returns, in this process
and after a restart, also when its caller is cancelled meanwhile.

``change`` functions get what is stored and return what shall be. They run inside the atomic step,
on another thread, and may raise a DomainError, which undoes it; they must be pure.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from blrcs.domain.api_key import ApiKey
from blrcs.domain.authentication import Authentication
from blrcs.domain.service_account import ServiceAccount
from blrcs.domain.session import Session, SessionLifetime
from blrcs.domain.token_limits import TokenBinding
from blrcs.domain.user import User


@dataclass(frozen=True, slots=True)
class UserChange:
    """What a user shall be, and whether its sessions end with the change: all but the one kept."""

    user: User
    ends_sessions: bool = False
    kept_session_id: str = ""


class UserRepository(Protocol):
    """Users, by id."""

    async def get(self, user_id: str) -> User | None:
        """The user, if there is one."""
        ...

    async def list_after(self, user_id: str, limit: int) -> Sequence[User]:
        """Users in the order of their ids, from the first above ``user_id``."""
        ...

    async def add(self, user: User) -> None:
        """Adds a user; AlreadyExistsError if the id is taken."""
        ...

    async def add_first(self, user: User) -> bool:
        """Adds a user if there is none at all; says whether it did."""
        ...

    async def is_empty(self) -> bool:
        """Whether there is no user."""
        ...

    async def update(self, user_id: str, change: Callable[[User], UserChange]) -> User:
        """Changes a user; NotFoundError if there is none.

        Raises FailedPreconditionError where the last enabled administrator would be disabled.
        """
        ...

    async def delete(self, user_id: str, *, etag: str) -> None:
        """Deletes a user, its sessions and all that was granted to it by name.

        Raises NotFoundError, AbortedError by the etag, or FailedPreconditionError where it is the
        last enabled administrator.
        """
        ...


class ServiceAccountRepository(Protocol):
    """Service accounts, by id."""

    async def get(self, account_id: str) -> ServiceAccount | None:
        """The service account, if there is one."""
        ...

    async def list_after(self, account_id: str, limit: int) -> Sequence[ServiceAccount]:
        """Service accounts in the order of their ids, from the first above ``account_id``."""
        ...

    async def add(self, account: ServiceAccount) -> None:
        """Adds a service account; AlreadyExistsError if the id is taken."""
        ...

    async def update(
        self, account_id: str, change: Callable[[ServiceAccount], ServiceAccount]
    ) -> ServiceAccount:
        """Changes a service account; NotFoundError if there is none.

        A new ``token_generation`` makes all tokens got so far worthless.
        """
        ...

    async def delete(self, account_id: str, *, etag: str) -> None:
        """Deletes one, its keys, their tokens and all that was granted to it by name.

        Raises NotFoundError, or AbortedError by the etag.
        """
        ...


class ApiKeyRepository(Protocol):
    """API keys, by the id of their service account and their own."""

    async def get(self, account_id: str, key_id: str) -> ApiKey | None:
        """The key, if there is one."""
        ...

    async def find(self, secret_hash: bytes) -> tuple[ApiKey, ServiceAccount] | None:
        """The key of which this is the hash, and its owner.

        Does not yield to the event loop: what it says still holds when the caller acts on it at
        once, as far as this process knows.
        """
        ...

    async def list_after(self, account_id: str, key_id: str, limit: int) -> Sequence[ApiKey]:
        """An account's keys in the order of their ids, from the first above ``key_id``."""
        ...

    async def add(self, key: ApiKey) -> None:
        """Adds a key; NotFoundError without its account, AlreadyExistsError if the id is taken."""
        ...

    async def update(
        self, account_id: str, key_id: str, change: Callable[[ApiKey], ApiKey]
    ) -> ApiKey:
        """Changes a key; NotFoundError if there is none.

        A new ``token_generation`` makes the tokens got with the key so far worthless.
        """
        ...

    async def delete(self, account_id: str, key_id: str, *, etag: str) -> None:
        """Deletes a key and its tokens; NotFoundError, or AbortedError by the etag."""
        ...

    def note_use(self, key: ApiKey, now_ns: int) -> None:
        """Sees to it that the key's ``use_time_ns`` is stored, some time later. Never fails."""
        ...


class SessionRepository(Protocol):
    """Sessions and their refresh tokens."""

    async def open(
        self, session: Session, *, refresh_hash: bytes, user: User, password_hash: str
    ) -> bool:
        """Adds a session, and stores a new hash of the same password with it.

        False, and nothing done, if the user was deleted, disabled or got another password since
        ``user`` was read. A user with too many sessions loses the oldest.
        """
        ...

    async def rotate(
        self,
        spent_hash: bytes,
        *,
        renewed_hash: bytes,
        lifetime: SessionLifetime,
        bindings: Collection[TokenBinding],
        now_ns: int,
    ) -> tuple[Session, User] | None:
        """Spends a refresh token for another one and extends the session.

        None and nothing done, also with a token that was spent, where what the session is bound to
        is not among the ``bindings``.

        None for a token that is unknown or expired, whose user is disabled, or that was spent
        before: that ends the session. Of two calls at once with one token the second is such a
        reuse.
        """
        ...

    async def authenticate(
        self, user_id: str, session_id: str, authentication: Authentication
    ) -> Session | None:
        """Notes that the user of a session has proven anew who it is.

        None, and nothing done, if the user has no such session, it has expired, or it was opened
        by a proof of a higher level.
        """
        ...

    async def list_before(
        self, user_id: str, *, before: tuple[int, str] | None, limit: int, now_ns: int
    ) -> Sequence[Session]:
        """A user's sessions that have not expired, the newest first.

        ``before`` is the time of creation and the id of the last one already seen.
        """
        ...

    async def addresses(self, user_id: str, *, now_ns: int) -> Sequence[str]:
        """Where a user's sessions were opened that have not expired, each address once."""
        ...

    async def end(self, user_id: str, session_id: str) -> bool:
        """Ends a session; false if the user has no such session."""
        ...

    async def purge(self, now_ns: int) -> int:
        """Drops what has expired, revocations as well. Returns how many sessions that were."""
        ...
