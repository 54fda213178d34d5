"""Whether anything is in the database that the keys of a scope have encrypted."""

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.repositories.key_use import SERVER
from blrcs.database.repositories.settings import stored
from blrcs.database.statement import Statement
from blrcs.database.tables import record_changes, records, totp_secrets
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.stored_key import CREDENTIALS, SIGNING_KEYS
from blrcs.security.shared_keys import SETTING


def _first_sealed(table: sa.Table) -> Statement:
    return Statement(
        sa.select(table.c.tenant)
        .where(
            table.c.tenant == sa.bindparam("of_tenant"),
            table.c.collection == sa.bindparam("of_collection"),
            table.c.sealed.is_not(None),
        )
        .limit(1),
        is_scan=True,
    )


_SEALED = (_first_sealed(records), _first_sealed(record_changes))
_ENROLLED = Statement(sa.select(totp_secrets.c.user_id).limit(1))


async def has_sealed_values(database: DatabaseAdapter, scope: CollectionKey) -> bool:
    """True where there is a value that only a key of the scope opens.

    False for what services have encrypted: nobody knows where that is.
    """
    if scope == (SERVER, CREDENTIALS):
        return await database.fetch_one(_ENROLLED) is not None
    if scope == (SERVER, SIGNING_KEYS):
        return await stored(database, SETTING) is not None
    of = {"of_tenant": scope.tenant, "of_collection": scope.collection}
    for statement in _SEALED:
        if await database.fetch_one(statement, **of) is not None:
            return True
    return False
