"""Users in the database."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from blrcs.application.ports.identity import UserChange
from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.repositories.grants import Grants
from blrcs.database.repositories.revocation import RevocationRepository, Revoke
from blrcs.database.repositories.session import end_sessions
from blrcs.database.repositories.user_row import user_from_row, user_to_row
from blrcs.database.statement import Statement
from blrcs.database.tables import users
from blrcs.domain.errors import AlreadyExistsError, NotFoundError
from blrcs.domain.etag import require_etag
from blrcs.domain.identity_name import user_name
from blrcs.domain.user import User

_THIS = users.c.id == sa.bindparam("user_id")

_BY_ID = Statement(sa.select(users).where(_THIS))
_PAGE = Statement(
    sa.select(users)
    .where(users.c.id > sa.bindparam("after"))
    .order_by(users.c.id)
    .limit(sa.bindparam("limit"))
)
_ANY = Statement(sa.select(users.c.id).limit(1))
_ADD = Statement(sa.insert(users))
_REPLACE = Statement(sa.update(users).where(_THIS))
_DELETE = Statement(sa.delete(users).where(_THIS))


class SqlUserRepository:
    """Implements the UserRepository port."""

    def __init__(
        self, database: DatabaseAdapter, revocations: RevocationRepository, grants: Grants
    ) -> None:
        self._database = database
        self._revocations = revocations
        self._grants = grants

    async def get(self, user_id: str) -> User | None:
        """See the port."""
        row = await self._database.fetch_one(_BY_ID, user_id=user_id)
        return None if row is None else user_from_row(row)

    async def list_after(self, user_id: str, limit: int) -> Sequence[User]:
        """See the port."""
        rows = await self._database.fetch_all(_PAGE, after=user_id, limit=limit)
        return [user_from_row(row) for row in rows]

    async def add(self, user: User) -> None:
        """See the port."""

        async def operation(transaction: Transaction) -> None:
            if await transaction.fetch_one(_BY_ID, user_id=user.id) is not None:
                raise AlreadyExistsError(user.name)
            await transaction.execute(_ADD, **user_to_row(user))

        await self._database.run(operation)

    async def add_first(self, user: User) -> bool:
        """See the port."""

        async def operation(transaction: Transaction) -> bool:
            if await transaction.fetch_one(_ANY) is not None:
                return False
            await transaction.execute(_ADD, **user_to_row(user))
            return True

        return await self._database.run(operation)

    async def is_empty(self) -> bool:
        """See the port."""
        return await self._database.fetch_one(_ANY) is None

    async def update(self, user_id: str, change: Callable[[User], UserChange]) -> User:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> User:
            stored = await _stored(transaction, user_id)
            changed = change(stored)
            if changed.user.disabled and not stored.disabled:
                await self._grants.keep_other_administrator(transaction, stored.name)
            await transaction.execute(_REPLACE, user_id=user_id, **user_to_row(changed.user))
            if changed.ends_sessions:
                await end_sessions(
                    transaction, revoke, user_id, kept_session_id=changed.kept_session_id
                )
            return changed.user

        return await self._revocations.write(operation)

    async def delete(self, user_id: str, *, etag: str) -> None:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> Callable[[], None]:
            stored = await _stored(transaction, user_id)
            require_etag(stored.name, stored=stored.etag, given=etag)
            if not stored.disabled:
                await self._grants.keep_other_administrator(transaction, stored.name)
            await end_sessions(transaction, revoke, user_id)
            await transaction.execute(_DELETE, user_id=user_id)
            return await self._grants.drop(transaction, stored.name)

        await self._revocations.write(operation, committed=lambda put_in_force: put_in_force())


async def _stored(transaction: Transaction, user_id: str) -> User:
    row = await transaction.fetch_one(_BY_ID, user_id=user_id)
    if row is None:
        raise NotFoundError(user_name(user_id))
    return user_from_row(row)
