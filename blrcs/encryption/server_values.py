"""What the server itself keeps encrypted in its database: the secrets of authenticators."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import sqlalchemy as sa

from blrcs.application.auth.prove_second_factor import totp_context
from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.statement import Statement
from blrcs.database.tables import totp_secrets
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_key import key_id_in
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.place import place
from blrcs.encryption.sealer import CREDENTIALS, SERVER

SCOPE = CollectionKey(SERVER, CREDENTIALS)
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


async def server_values_by_key(database: DatabaseAdapter) -> Counter[bytes]:
    """How many values each key has encrypted, by the ids of the keys."""
    found: Counter[bytes] = Counter()
    async with database.transaction(read_only=True) as transaction:
        async for row in transaction.stream(_SEALED):
            found[key_id_in(bytes(row.sealed))] += 1
    return found


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
            if puts:
                await self._database.execute_many(_PUT, puts)
            after = rows[-1].user_id
            yield len(rows), len(puts), tuple(refused)
            await asyncio.sleep(self._pause_s)
