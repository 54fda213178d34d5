"""Failed proofs of identity, counted in the database for all machines that share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct

import sqlalchemy as sa

from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import DatabaseAdapter, Isolation, Operation, Result, Transaction
from blrcs.database.statement import Statement
from blrcs.database.tables import sign_in_failures
from blrcs.database.upsert import upsert
from blrcs.domain.failures import FailureBound, Failures

_OF_ID = sign_in_failures.c.id == sa.bindparam("of_id")

# Whoever has written to a row keeps it until the transaction ends.
_HOLD = upsert(sign_in_failures, "expires_at_ns")
_FIND = Statement(sa.select(sign_in_failures.c.until_ns).where(_OF_ID))
_KEEP = Statement(
    sa.update(sign_in_failures)
    .where(_OF_ID)
    .values(until_ns=sa.bindparam("times"), expires_at_ns=sa.bindparam("last_ns"))
)
_DROP = Statement(sa.delete(sign_in_failures).where(_OF_ID))
_PURGE = Statement(
    sa.delete(sign_in_failures).where(sign_in_failures.c.expires_at_ns <= sa.bindparam("before_ns"))
)


@dataclass(frozen=True, slots=True)
class _Row:
    """Where failures are counted: for each bound the time until which they have been paid for."""

    id: bytes
    bounds: tuple[FailureBound, ...]

    def read(self, times: bytes, now_ns: int) -> list[int]:
        """The times, none of them past."""
        layout = _layout(self.bounds)
        found = layout.unpack(times) if len(times) == layout.size else (0,) * len(self.bounds)
        return [max(until_ns, now_ns) for until_ns in found]

    def wait_ns(self, times: Sequence[int], now_ns: int) -> int:
        """How long until another one may be counted; not above 0 if it may be now."""
        return max(
            until_ns + bound.step_ns * (1 - bound.burst) - now_ns
            for bound, until_ns in zip(self.bounds, times, strict=True)
        )

    def moved(self, times: Sequence[int], count: int) -> list[int]:
        """The times with so many failures more."""
        return [
            until_ns + count * bound.step_ns
            for bound, until_ns in zip(self.bounds, times, strict=True)
        ]

    def values(self, times: Sequence[int]) -> Mapping[str, bytes | int]:
        """What is stored."""
        return {"times": _layout(self.bounds).pack(*times), "last_ns": max(times)}


class StoredFailureCounts:
    """Implements FailureCounts by GCRA, the clocks of the machines being one.

    A refusal writes nothing.
    """

    def __init__(self, database: DatabaseAdapter, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(self, failures: Sequence[Failures]) -> int | None:
        """See FailureCounts."""
        rows = _rows(failures)
        now_ns = self._clock()
        found = {}
        for row in rows:
            stored = await self._database.fetch_one(_FIND, of_id=row.id)
            found[row.id] = b"" if stored is None else bytes(stored.until_ns)
        # A look that holds up nobody, for those who keep on trying.
        wait_ns = max(row.wait_ns(row.read(found[row.id], now_ns), now_ns) for row in rows)
        if wait_ns > 0:
            return wait_ns

        async def operation(transaction: Transaction) -> int | None:
            held = await _hold(transaction, rows, now_ns)
            wait_ns = max(row.wait_ns(times, now_ns) for row, times in held)
            for row, times in held:
                await _keep(transaction, row, row.moved(times, 1 if wait_ns <= 0 else 0))
            return wait_ns if wait_ns > 0 else None

        return await self._run(operation)

    async def give_back(self, failures: Sequence[Failures]) -> None:
        """See FailureCounts."""
        rows, now_ns = _rows(failures), self._clock()

        async def operation(transaction: Transaction) -> None:
            for row, times in await _hold(transaction, rows, now_ns):
                left = row.moved(times, -1)
                if max(left) > now_ns:
                    await _keep(transaction, row, left)
                else:
                    await transaction.execute(_DROP, of_id=row.id)

        await self._run(operation)

    async def forget(self, failures: Sequence[Failures]) -> None:
        """See FailureCounts."""
        for row in _rows(failures):
            await self._database.execute(_DROP, of_id=row.id)

    async def purge(self) -> int:
        """Drops what no longer keeps anybody waiting, and returns how much that was."""
        return await self._database.execute(_PURGE, before_ns=self._clock())

    async def _run(self, operation: Operation[Result]) -> Result:
        # The rows are locked one after another: there is nothing else that could have changed.
        return await self._database.run(operation, isolation=Isolation.READ_COMMITTED)


async def _hold(
    transaction: Transaction, rows: Sequence[_Row], now_ns: int
) -> list[tuple[_Row, list[int]]]:
    held = []
    for row in rows:
        await transaction.execute(_HOLD, id=row.id, until_ns=b"", expires_at_ns=now_ns)
        stored = await transaction.fetch_one(_FIND, of_id=row.id)
        held.append((row, row.read(b"" if stored is None else bytes(stored.until_ns), now_ns)))
    return held


async def _keep(transaction: Transaction, row: _Row, times: Sequence[int]) -> None:
    await transaction.execute(_KEEP, of_id=row.id, **row.values(times))


def _rows(failures: Sequence[Failures]) -> list[_Row]:
    """In the order in which all take them, so that none waits for another in a circle."""
    rows = [
        _Row(sha256(f"{each.bounds[0].identity}\0{each.key}".encode()).digest(), each.bounds)
        for each in failures
    ]
    return sorted(rows, key=lambda row: row.id)


def _layout(bounds: Sequence[FailureBound]) -> Struct:
    return Struct(f"<{len(bounds)}q")
