"""What the server itself keeps encrypted: secrets of authenticators, and keys that sign tokens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from blrcs.application.auth.prove_second_factor import totp_context
from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.repositories.key_use import SERVER, KeyDestroyedError, hold_key, holding
from blrcs.database.repositories.settings import put_if, stored
from blrcs.database.statement import Statement
from blrcs.database.tables import totp_secrets
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey
from blrcs.domain.sealed_value import key_id_in
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.place import place
from blrcs.encryption.stored_key import CREDENTIALS, SIGNING_KEYS
from blrcs.security.shared_keys import CONTEXT, SETTING

SCOPE = CollectionKey(SERVER, CREDENTIALS)
KEYS_SCOPE = CollectionKey(SERVER, SIGNING_KEYS)
BATCH_ROWS = 200

_COUNT = Statement(sa.select(sa.func.count().label("count")).select_from(totp_secrets))
_PAGE = Statement(
    sa.select(totp_secrets)
    .where(totp_secrets.c.user_id > sa.bindparam("after"))
    .order_by(totp_secrets.c.user_id)
    .limit(BATCH_ROWS)
)
_SEALED = Statement(sa.select(totp_secrets.c.sealed))

# An enrolment that has come between has sealed with the key in force.
_PUT = Statement(
    sa.update(totp_secrets)
    .where(
        totp_secrets.c.user_id == sa.bindparam("of_user"),
        totp_secrets.c.created_at_ns == sa.bindparam("of_time_ns"),
    )
    .values(sealed=sa.bindparam("new_sealed"))
)


async def server_values_by_key(
    transaction: Transaction, scope: CollectionKey = SCOPE
) -> Counter[bytes]:
    """How many values of a scope of the server's each key has encrypted, by the ids of the keys."""
    found: Counter[bytes] = Counter()
    if scope == KEYS_SCOPE:
        sealed = await stored(transaction, SETTING)
        return found if sealed is None else Counter([key_id_in(sealed)])
    async for row in transaction.stream(_SEALED):
        found[key_id_in(bytes(row.sealed))] += 1
    return found


async def _put(puts: Sequence[dict[str, Any]], transaction: Transaction) -> None:
    for key_id in {key_id_in(each["new_sealed"]) for each in puts}:
        await hold_key(transaction, SERVER, key_id)
    if puts:
        await transaction.execute_many(_PUT, puts)


class ServerValues:
    """Encrypts them anew, a batch in each transaction, while servers run.

    What was done is seen by its key: a run that was killed begins again, and does the rest.

    Args:
        database: Where they are.
        keys: Those to use.
        pause_s: How long it rests after each batch.
    """

    def __init__(self, database: DatabaseAdapter, keys: DataKeys, *, pause_s: float = 0.0) -> None:
        self._database = database
        self._keys = keys
        self._pause_s = pause_s

    async def count(self) -> int:
        """How many there are."""
        found = await self._database.fetch_one(_COUNT)
        return 0 if found is None else int(found.count)

    async def run(self) -> AsyncIterator[tuple[int, int, tuple[str, ...]]]:
        """Of each batch: how many it has, how many were encrypted anew, whose cannot be opened.

        Raises:
            FailedPreconditionError: The master key is missing.
        """
        after = ""
        while rows := await self._database.fetch_all(_PAGE, after=after):
            ring = await self._keys.ring(SCOPE)
            puts, refused = [], []
            for row in rows:
                sealed = bytes(row.sealed)
                if ring.is_sealed_by_active(sealed):
                    continue
                where = place(*totp_context(row.user_id))
                try:
                    anew = ring.seal_in(where, ring.open_in(where, sealed))
                except FailedPreconditionError:
                    refused.append(row.user_id)
                    continue
                puts.append(
                    {
                        "of_user": row.user_id,
                        "of_time_ns": row.created_at_ns,
                        "new_sealed": anew,
                    }
                )
            try:
                await self._database.run(partial(_put, puts))
            except KeyDestroyedError:
                continue
            after = rows[-1].user_id
            yield len(rows), len(puts), tuple(refused)
            await asyncio.sleep(self._pause_s)

    async def signing_keys(self) -> bool:
        """Encrypts the keys that sign tokens anew; False where that is not to be done.

        Raises:
            FailedPreconditionError: They cannot be opened.
        """
        sealed = await stored(self._database, SETTING)
        if sealed is None:
            return False
        ring = await self._keys.ring(KEYS_SCOPE)
        if ring.is_sealed_by_active(sealed):
            return False
        where = place(*CONTEXT)
        anew = ring.seal_in(where, ring.open_in(where, sealed))
        try:
            return await put_if(self._database, SETTING, sealed, anew, holding(anew))
        except KeyDestroyedError:
            return await self.signing_keys()
