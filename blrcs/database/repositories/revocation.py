"""Revocations: stored with the change that causes them, and in force when it is acknowledged."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import Revoker
from blrcs.database.adapter import BlockingReader, DatabaseAdapter, Transaction
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import revocations
from blrcs.database.upsert import upsert
from blrcs.domain.revocation import Revocation

Result = TypeVar("Result")
Revoke = Callable[[str], Awaitable[None]]

SESSION = "session"

# The verifier's largest leeway is five minutes: a token may be taken for so long after its expiry.
LEEWAY_NS = 300_000_000_000

# Clocks of machines differ, and a transaction is seen later than the moment that it wrote down.
OVERLAP_NS = 60_000_000_000
LATE_NS = OVERLAP_NS // 2
"""What is seen so long after the moment that it wrote down, others may have looked past."""
WHOLE_NS = 5 * 60 * 1_000_000_000
"""So often all are read: who stored one late may have died before it could say so."""
READ_AT_ONCE = 1000

_ALL = Statement(sa.select(revocations))
_ADD = upsert(revocations, "revoked_at_ns", "expires_at_ns")
_SINCE = Statement(
    sa.select(revocations).where(
        sa.or_(
            revocations.c.revoked_at_ns >= sa.bindparam("since_ns"),
            revocations.c.found_at_ns >= sa.bindparam("since_ns"),
        )
    )
)
_THIS = Statement(sa.select(revocations.c.id).where(revocations.c.id == sa.bindparam("this_id")))
_MOVE = Statement(
    sa.update(revocations)
    .where(revocations.c.id == sa.bindparam("of_id"))
    .values(found_at_ns=sa.bindparam("seen_ns"))
)
_PURGE = Statement(
    sa.delete(revocations).where(revocations.c.expires_at_ns <= sa.bindparam("expired_before_ns"))
)


class RevocationRepository:
    """Writes changes together with the revocations that follow from them.

    Args:
        revoker: Told of every revocation, after it is durable.
        token_ttl_ns: The longest life of an access token.
        announce: Called after revocations have been stored.
    """

    def __init__(
        self,
        database: DatabaseAdapter,
        reader: BlockingReader,
        *,
        revoker: Revoker,
        clock: Clock,
        token_ttl_ns: int,
        announce: Callable[[], None] = lambda: None,
    ) -> None:
        self._announce = announce
        self._database = database
        self._reader = reader
        self._revoker = revoker
        self._clock = clock
        self._running: set[asyncio.Task[Any]] = set()
        self._seen_until_ns = self._whole_at_ns = clock()
        self.token_ttl_ns = token_ttl_ns

    def load(self) -> None:
        """Puts all stored revocations in force; to be called before the first token is verified.

        And again whenever other processes may have stored some without telling.
        """
        for row in self._reader.fetch_all(_ALL):
            self._restore(row)

    async def catch_up(self) -> None:
        """Puts in force what others may have stored since the last time that this succeeded.

        Now and then all there is: a commit may be seen any time after it was begun, and whoever
        began it may be gone by then.
        """
        now_ns = self._clock()
        # A clock that was put back is no reason to wait longer.
        whole = not 0 <= now_ns - self._whole_at_ns < WHOLE_NS
        if whole:
            rows = await self._database.fetch_all(_ALL)
        else:
            rows = await self._database.fetch_all(_SINCE, since_ns=self._seen_until_ns - OVERLAP_NS)
        for begin in range(0, len(rows), READ_AT_ONCE):
            for row in rows[begin : begin + READ_AT_ONCE]:
                self._restore(row)
            await asyncio.sleep(0)
        self._seen_until_ns = now_ns
        if whole:
            self._whole_at_ns = now_ns

    async def add(self, revocation: Revocation) -> None:
        """Revokes other tokens than those of a session: stored and in force when this returns.

        It is in force too if the caller is cancelled after it was queued.
        """

        async def operation(transaction: Transaction, _: Revoke) -> None:
            await store_revocation(transaction, revocation)

        await self._add(revocation, operation)

    async def add_once(self, revocation: Revocation) -> bool:
        """As ``add``, but what is stored stays as it is; whether nothing was.

        A key is revoked for good, by every process that comes to know of it.
        """

        async def operation(transaction: Transaction, _: Revoke) -> bool:
            if await is_stored(transaction, revocation):
                return False
            await store_revocation(transaction, revocation)
            return True

        return await self._add(revocation, operation)

    async def _add(
        self,
        revocation: Revocation,
        operation: Callable[[Transaction, Revoke], Coroutine[Any, Any, Result]],
    ) -> Result:
        def committed(_: Result) -> None:
            self._revoker.revoke(revocation)
            self._announce()

        return await self._finish(self._write(operation, committed, _id_of(revocation)))

    async def write(
        self,
        operation: Callable[[Transaction, Revoke], Coroutine[Any, Any, Result]],
        *,
        committed: Callable[[Result], None] | None = None,
    ) -> Result:
        """As DatabaseAdapter.run, but ``operation`` gets a function as well: it revokes a session.

        Those revocations are stored with what the operation writes, and in force when this returns;
        they come into force too if the caller is cancelled after the operation was queued, and
        ``committed`` is called then as well, with what the operation returned.
        """
        return await self._finish(self._write(operation, committed))

    async def _finish(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Goes on with it though the caller be cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def _write(
        self,
        operation: Callable[[Transaction, Revoke], Coroutine[Any, Any, Result]],
        committed: Callable[[Result], None] | None,
        *stored: str,
    ) -> Result:
        """See ``write``; ``stored`` are the ids of revocations that the operation stores itself."""
        revoked: list[str] = []
        now_ns = self._clock()
        expires_at_ns = now_ns + self.token_ttl_ns

        async def run(transaction: Transaction) -> Result:
            revoked.clear()

            async def revoke(session_id: str) -> None:
                await transaction.execute(
                    _ADD,
                    id=session_id,
                    kind=SESSION,
                    revoked_at_ns=now_ns,
                    expires_at_ns=expires_at_ns,
                    name=None,
                    found_at_ns=None,
                )
                revoked.append(session_id)

            return await operation(transaction, revoke)

        result = await self._database.run(run)
        self._revoker.revoke_sessions(revoked, expires_at_ns=expires_at_ns)
        if revoked:
            self._announce()
        if committed is not None:
            committed(result)
        await self._have_seen([*revoked, *stored], now_ns)
        return result

    async def _have_seen(self, ids: Sequence[str], began_ns: int) -> None:
        """Others find revocations by their time: one that was stored late gets a second one.

        Which tokens it concerns is not moved with it.

        A transaction may wait long for what another one has locked, or for a standby that is to
        confirm it.
        """
        while ids and self._clock() - began_ns > LATE_NS:
            began_ns = self._clock()
            moved = [{"of_id": each, "seen_ns": began_ns} for each in ids]

            async def move(
                transaction: Transaction, moved: Sequence[Mapping[str, Any]] = moved
            ) -> None:
                await transaction.execute_many(_MOVE, moved)

            await self._database.run(move)
            self._announce()

    def _restore(self, row: Row) -> None:
        if row.kind == SESSION:
            self._revoker.restore_sessions([row.id], expires_at_ns=row.expires_at_ns)
            return
        issuer, name = orjson.loads(row.name)
        self._revoker.restore(
            Revocation(
                kind=row.kind,
                issuer=issuer,
                name=name,
                time_ns=row.revoked_at_ns,
                expire_time_ns=row.expires_at_ns,
            )
        )

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # so that asyncio does not complain where the caller was cancelled


async def store_revocation(transaction: Transaction, revocation: Revocation) -> None:
    """Adds a revocation, or puts it off, with the rest of the transaction."""
    await transaction.execute(
        _ADD,
        id=_id_of(revocation),
        kind=revocation.kind,
        revoked_at_ns=revocation.time_ns,
        expires_at_ns=revocation.expire_time_ns,
        name=_name_of(revocation),
        found_at_ns=None,
    )


async def is_stored(transaction: Transaction, revocation: Revocation) -> bool:
    """Whether the same tokens are revoked already, whenever that was."""
    return await transaction.fetch_one(_THIS, this_id=_id_of(revocation)) is not None


async def purge_revocations(transaction: Transaction, now_ns: int) -> None:
    """Drops the revocations that no token can need any more."""
    await transaction.execute(_PURGE, expired_before_ns=now_ns - LEEWAY_NS)


def _name_of(revocation: Revocation) -> str:
    return orjson.dumps([revocation.issuer, revocation.name]).decode()


def _id_of(revocation: Revocation) -> str:
    return f"{revocation.kind}/{hashlib.sha256(_name_of(revocation).encode()).hexdigest()}"
