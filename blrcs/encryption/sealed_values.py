"""What is in the database that the keys of a scope have encrypted."""

from collections import Counter

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.repositories.key_use import SERVER
from blrcs.database.repositories.record_row import sealed_from_bytes
from blrcs.database.repositories.settings import stored
from blrcs.database.statement import Statement
from blrcs.database.tables import record_changes, records, totp_secrets
from blrcs.domain.record_name import CollectionKey
from blrcs.domain.sealed_value import key_id_in
from blrcs.encryption.stored_key import CREDENTIALS, SIGNING_KEYS
from blrcs.security.shared_keys import SETTING


def _sealed(table: sa.Table) -> "sa.Select[tuple[bytes]]":
    return sa.select(table.c.sealed).where(
        table.c.tenant == sa.bindparam("of_tenant"),
        table.c.collection == sa.bindparam("of_collection"),
        table.c.sealed.is_not(None),
    )


_TABLES = (records, record_changes)
_SEALED = [Statement(_sealed(table)) for table in _TABLES]
_FIRST_SEALED = [Statement(_sealed(table).limit(1), is_scan=True) for table in _TABLES]
_ENROLLED = Statement(sa.select(totp_secrets.c.user_id).limit(1))


async def values_by_key(transaction: Transaction, scope: CollectionKey) -> Counter[bytes]:
    """How many values of a collection each key has encrypted, by the ids of the keys."""
    found: Counter[bytes] = Counter()
    for statement in _SEALED:
        async for row in transaction.stream(statement, **_of(scope)):
            sealed = sealed_from_bytes(row.sealed) or {}
            found.update(key_id_in(each) for each in sealed.values())
    return found


async def has_sealed_values(
    database: DatabaseAdapter, scope: CollectionKey, *, but_by: bytes
) -> bool:
    """True where there is a value that only a key of the scope opens.

    False for what services have encrypted: nobody knows where that is.

    Args:
        database: Where it is looked for.
        scope: Whose.
        but_by: The id of a key whose values do not count, if there is any; then all are looked at.
    """
    if scope == (SERVER, CREDENTIALS):
        return await database.fetch_one(_ENROLLED) is not None
    if scope == (SERVER, SIGNING_KEYS):
        return await stored(database, SETTING) is not None
    if but_by:
        async with database.transaction(read_only=True) as transaction:
            return bool((await values_by_key(transaction, scope)).keys() - {but_by})
    for statement in _FIRST_SEALED:
        if await database.fetch_one(statement, **_of(scope)) is not None:
            return True
    return False


def _of(scope: CollectionKey) -> dict[str, str]:
    return {"of_tenant": scope.tenant, "of_collection": scope.collection}
