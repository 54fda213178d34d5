"""That nothing is kept which was encrypted with a key that is destroyed meanwhile.

Who keeps a value looks at its key in the transaction that stores it, and holds it until that has
ended. Who destroys a key does that first, and then looks whether it is used, in one transaction: so
one of the two always sees the other. Records need none of it: their writes look at the revision of
their collection, which is another after each rotation.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import sqlalchemy as sa

from blrcs.database.adapter import Transaction
from blrcs.database.statement import Statement
from blrcs.database.tables import data_keys
from blrcs.domain.errors import UnavailableError
from blrcs.domain.sealed_value import key_id_in

SERVER = ""
"""In the place of a tenant."""

_WRAPPED = Statement(
    sa.select(data_keys.c.wrapped)
    .where(
        data_keys.c.tenant == sa.bindparam("of_tenant"),
        data_keys.c.key_id == sa.bindparam("of_key_id"),
    )
    .with_for_update(read=True)
)


class KeyDestroyedError(UnavailableError):
    """A value was sealed with a key that is gone: it is to be sealed anew."""

    def __init__(self) -> None:
        super().__init__("ENCRYPTION_KEYS_CHANGED", "keys were rotated meanwhile; try again")


async def hold_key(transaction: Transaction, tenant: str, key_id: bytes) -> None:
    """Has a key stay until the transaction has ended; KeyDestroyedError where it is gone."""
    rows = await transaction.fetch_all(_WRAPPED, of_tenant=tenant, of_key_id=key_id)
    if not rows or any(not row.wrapped for row in rows):
        raise KeyDestroyedError


def holding(sealed: bytes) -> Callable[[Transaction], Awaitable[None]]:
    """Does that for the key of a value that the server keeps for itself."""
    return partial(hold_key, tenant=SERVER, key_id=key_id_in(sealed))
