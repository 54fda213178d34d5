"""Service accounts in the database."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.repositories.api_key import revoke_account_tokens
from blrcs.database.repositories.grants import Grants
from blrcs.database.repositories.revocation import RevocationRepository, Revoke
from blrcs.database.repositories.service_account_row import (
    service_account_from_row,
    service_account_to_row,
)
from blrcs.database.statement import Statement
from blrcs.database.tables import service_accounts
from blrcs.domain.errors import AlreadyExistsError, NotFoundError
from blrcs.domain.etag import require_etag
from blrcs.domain.identity_name import service_account_name
from blrcs.domain.service_account import ServiceAccount

_THIS = service_accounts.c.id == sa.bindparam("account_id")

_BY_ID = Statement(sa.select(service_accounts).where(_THIS))
_PAGE = Statement(
    sa.select(service_accounts)
    .where(service_accounts.c.id > sa.bindparam("after"))
    .order_by(service_accounts.c.id)
    .limit(sa.bindparam("limit"))
)
_ADD = Statement(sa.insert(service_accounts))
_REPLACE = Statement(sa.update(service_accounts).where(_THIS))
_DELETE = Statement(sa.delete(service_accounts).where(_THIS))


class SqlServiceAccountRepository:
    """Implements the ServiceAccountRepository port."""

    def __init__(
        self, database: DatabaseAdapter, revocations: RevocationRepository, grants: Grants
    ) -> None:
        self._database = database
        self._revocations = revocations
        self._grants = grants

    async def get(self, account_id: str) -> ServiceAccount | None:
        """See the port."""
        row = await self._database.fetch_one(_BY_ID, account_id=account_id)
        return None if row is None else service_account_from_row(row)

    async def list_after(self, account_id: str, limit: int) -> Sequence[ServiceAccount]:
        """See the port."""
        rows = await self._database.fetch_all(_PAGE, after=account_id, limit=limit)
        return [service_account_from_row(row) for row in rows]

    async def add(self, account: ServiceAccount) -> None:
        """See the port."""

        async def operation(transaction: Transaction) -> None:
            if await transaction.fetch_one(_BY_ID, account_id=account.id) is not None:
                raise AlreadyExistsError(account.name)
            await transaction.execute(_ADD, **service_account_to_row(account))

        await self._database.run(operation)

    async def update(
        self, account_id: str, change: Callable[[ServiceAccount], ServiceAccount]
    ) -> ServiceAccount:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> ServiceAccount:
            stored = await _stored(transaction, account_id)
            changed = change(stored)
            if changed.token_generation != stored.token_generation:
                await revoke_account_tokens(transaction, revoke, stored)
            await transaction.execute(
                _REPLACE, account_id=account_id, **service_account_to_row(changed)
            )
            return changed

        return await self._revocations.write(operation)

    async def delete(self, account_id: str, *, etag: str) -> None:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> Callable[[], None]:
            stored = await _stored(transaction, account_id)
            require_etag(stored.name, stored=stored.etag, given=etag)
            await revoke_account_tokens(transaction, revoke, stored)
            await transaction.execute(_DELETE, account_id=account_id)
            return await self._grants.drop(transaction, stored.name)

        await self._revocations.write(operation, committed=lambda put_in_force: put_in_force())


async def _stored(transaction: Transaction, account_id: str) -> ServiceAccount:
    row = await transaction.fetch_one(_BY_ID, account_id=account_id)
    if row is None:
        raise NotFoundError(service_account_name(account_id))
    return service_account_from_row(row)
