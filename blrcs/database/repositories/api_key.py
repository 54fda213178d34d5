"""API keys in the database."""

import asyncio
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.repositories.revocation import RevocationRepository, Revoke
from blrcs.database.repositories.service_account_row import service_account_from_row
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import api_keys, service_accounts
from blrcs.domain.api_key import ApiKey
from blrcs.domain.errors import AlreadyExistsError, DomainError, NotFoundError
from blrcs.domain.etag import require_etag
from blrcs.domain.identity_name import api_key_name, service_account_name
from blrcs.domain.service_account import ServiceAccount

_OF_ACCOUNT = api_keys.c.service_account_id == sa.bindparam("account_id")
_THIS = sa.and_(_OF_ACCOUNT, api_keys.c.id == sa.bindparam("key_id"))

_BY_ID = Statement(sa.select(api_keys).where(_THIS))
_BY_HASH = Statement(sa.select(api_keys).where(api_keys.c.key_hash == sa.bindparam("secret_hash")))
_ALL = Statement(sa.select(api_keys).where(_OF_ACCOUNT))
_PAGE = Statement(
    sa.select(api_keys)
    .where(_OF_ACCOUNT, api_keys.c.id > sa.bindparam("after"))
    .order_by(api_keys.c.id)
    .limit(sa.bindparam("limit"))
)
_ACCOUNT = Statement(
    sa.select(service_accounts).where(service_accounts.c.id == sa.bindparam("account_id"))
)
_ADD = Statement(sa.insert(api_keys))
_REPLACE = Statement(sa.update(api_keys).where(_THIS))
_USE = Statement(
    sa.update(api_keys)
    .where(api_keys.c.key_hash == sa.bindparam("secret_hash"))
    .values(used_at_ns=sa.bindparam("now_ns"))
)
_DELETE = Statement(sa.delete(api_keys).where(_THIS))


class SqlApiKeyRepository:
    """Implements the ApiKeyRepository port."""

    def __init__(self, database: DatabaseAdapter, revocations: RevocationRepository) -> None:
        self._database = database
        self._revocations = revocations
        self._uses: dict[bytes, asyncio.Task[None]] = {}

    async def get(self, account_id: str, key_id: str) -> ApiKey | None:
        """See the port."""
        row = await self._database.fetch_one(_BY_ID, account_id=account_id, key_id=key_id)
        return None if row is None else _from_row(row)

    async def find(self, secret_hash: bytes) -> tuple[ApiKey, ServiceAccount] | None:
        """See the port."""
        row = await self._database.fetch_one(_BY_HASH, secret_hash=secret_hash)
        if row is None:
            return None
        owner = await self._database.fetch_one(_ACCOUNT, account_id=row.service_account_id)
        # Both were there when the key was read, but the reads are two.
        return None if owner is None else (_from_row(row), service_account_from_row(owner))

    async def list_after(self, account_id: str, key_id: str, limit: int) -> Sequence[ApiKey]:
        """See the port."""
        rows = await self._database.fetch_all(
            _PAGE, account_id=account_id, after=key_id, limit=limit
        )
        return [_from_row(row) for row in rows]

    async def add(self, key: ApiKey) -> None:
        """See the port."""

        async def operation(transaction: Transaction) -> None:
            await _owner(transaction, key.service_account_id)
            taken = await transaction.fetch_one(
                _BY_ID, account_id=key.service_account_id, key_id=key.id
            )
            if taken is not None:
                raise AlreadyExistsError(key.name)
            await transaction.execute(_ADD, **_to_row(key))

        await self._database.run(operation)

    async def update(
        self, account_id: str, key_id: str, change: Callable[[ApiKey], ApiKey]
    ) -> ApiKey:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> ApiKey:
            stored = await _stored(transaction, account_id, key_id)
            changed = change(stored)
            if changed.token_generation != stored.token_generation:
                await revoke(stored.token_session_id(await _owner(transaction, account_id)))
            await transaction.execute(
                _REPLACE, account_id=account_id, key_id=key_id, **_to_row(changed)
            )
            return changed

        return await self._revocations.write(operation)

    async def delete(self, account_id: str, key_id: str, *, etag: str) -> None:
        """See the port."""

        async def operation(transaction: Transaction, revoke: Revoke) -> None:
            stored = await _stored(transaction, account_id, key_id)
            require_etag(stored.name, stored=stored.etag, given=etag)
            await revoke(stored.token_session_id(await _owner(transaction, account_id)))
            await transaction.execute(_DELETE, account_id=account_id, key_id=key_id)

        await self._revocations.write(operation)

    def note_use(self, key: ApiKey, now_ns: int) -> None:
        """See the port."""
        if key.secret_hash in self._uses:
            return
        task = asyncio.get_running_loop().create_task(self._store_use(key.secret_hash, now_ns))
        self._uses[key.secret_hash] = task

    async def drain(self) -> None:
        """Waits until the uses noted so far are stored; to be called before the database closes."""
        await asyncio.gather(*self._uses.values())

    async def _store_use(self, secret_hash: bytes, now_ns: int) -> None:
        try:
            await self._database.execute(_USE, secret_hash=secret_hash, now_ns=now_ns)
        except DomainError:
            pass  # the database is busy or gone; the next use tries again
        finally:
            del self._uses[secret_hash]


async def revoke_account_tokens(
    transaction: Transaction, revoke: Revoke, account: ServiceAccount
) -> None:
    """Revokes the tokens that a service account got with any of its keys."""
    for row in await transaction.fetch_all(_ALL, account_id=account.id):
        await revoke(_from_row(row).token_session_id(account))


async def _owner(transaction: Transaction, account_id: str) -> ServiceAccount:
    row = await transaction.fetch_one(_ACCOUNT, account_id=account_id)
    if row is None:
        raise NotFoundError(service_account_name(account_id))
    return service_account_from_row(row)


async def _stored(transaction: Transaction, account_id: str, key_id: str) -> ApiKey:
    row = await transaction.fetch_one(_BY_ID, account_id=account_id, key_id=key_id)
    if row is None:
        raise NotFoundError(api_key_name(account_id, key_id))
    return _from_row(row)


def _to_row(key: ApiKey) -> dict[str, object]:
    return {
        "service_account_id": key.service_account_id,
        "id": key.id,
        "display_name": key.display_name,
        "key_hash": key.secret_hash,
        "prefix": key.prefix,
        "disabled": key.disabled,
        "expires_at_ns": key.expire_time_ns,
        "used_at_ns": key.use_time_ns,
        "token_generation": key.token_generation,
        "created_at_ns": key.create_time_ns,
        "updated_at_ns": key.update_time_ns,
        "revision": key.revision,
    }


def _from_row(row: Row) -> ApiKey:
    return ApiKey(
        service_account_id=row.service_account_id,
        id=row.id,
        display_name=row.display_name,
        prefix=row.prefix,
        secret_hash=row.key_hash,
        disabled=row.disabled,
        expire_time_ns=row.expires_at_ns,
        use_time_ns=row.used_at_ns,
        token_generation=row.token_generation,
        create_time_ns=row.created_at_ns,
        update_time_ns=row.updated_at_ns,
        revision=row.revision,
    )
