"""Makes histories: clients that run random transactions at the same time."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.errors import ConflictError, SerializationError
from blrcs.database.statement import Statement
from blrcs.database.types import KEY, TEXT
from tests.conformance.database.histories.history import Append, History, Read, Run

CLIENTS = 8
RUNS = 30
STEPS = 5
KEYS = ("a", "b", "c", "d")
GIVEN_UP = 0.1
"""How many transactions undo themselves in the end."""

lists = sa.Table(
    "history_lists",
    sa.MetaData(),
    sa.Column("id", KEY, primary_key=True),
    sa.Column("elements", TEXT, nullable=False),
)
ADD = Statement(sa.insert(lists))
GET = Statement(sa.select(lists.c.elements).where(lists.c.id == sa.bindparam("key")))
APPEND = Statement(
    sa.update(lists)
    .where(lists.c.id == sa.bindparam("key"))
    .values(elements=lists.c.elements + sa.bindparam("more", type_=sa.Text()))
)


class GivenUp(Exception):  # noqa: N818 - it is no error
    """A transaction undoes itself."""


class Recorder:
    """Runs transactions, and writes down what they did and saw."""

    def __init__(self, database: DatabaseAdapter, isolation: Isolation) -> None:
        self.history: History = []
        self._database = database
        self._isolation = isolation
        self._values = itertools.count(1)
        self._names = itertools.count(1)

    async def run(
        self, body: Callable[["Recorded"], Awaitable[object]], *, read_only: bool = False
    ) -> Run:
        """One transaction; it is undone where it gives up or meets another one."""
        run = Run(f"T{next(self._names)}")
        self.history.append(run)
        try:
            async with self._database.transaction(
                isolation=self._isolation, read_only=read_only
            ) as transaction:
                await body(Recorded(transaction, run, self._values))
        except (SerializationError, ConflictError, GivenUp):
            return run
        run.committed = True
        return run

    async def finish(self) -> History:
        """Reads all lists, so that the history tells what became of all."""

        async def body(recorded: "Recorded") -> None:
            for key in KEYS:
                await recorded.read(key)

        await self.run(body)
        return self.history


class Recorded:
    """A transaction that is written down."""

    def __init__(self, transaction: Transaction, run: Run, values: "itertools.count[int]") -> None:
        self._transaction = transaction
        self._run = run
        self._values = values

    async def read(self, key: str) -> tuple[int, ...]:
        row = await self._transaction.fetch_one(GET, key=key)
        assert row is not None
        values = tuple(map(int, row.elements.split()))
        self._run.steps.append(Read(key, values))
        return values

    async def append(self, key: str) -> None:
        value = next(self._values)
        # Before it is known to have come about: if it has not, it must not be seen either.
        self._run.steps.append(Append(key, value))
        assert await self._transaction.execute(APPEND, key=key, more=f" {value}") == 1


async def make_history(database: DatabaseAdapter, isolation: Isolation, seed: int) -> History:
    """A random history."""
    chance = random.Random(seed)
    recorder = Recorder(database, isolation)

    async def client() -> None:
        for _ in range(RUNS):
            steps = [
                (chance.choice(KEYS), chance.random() < 0.5)
                for _ in range(chance.randint(1, STEPS))
            ]
            gives_up = chance.random() < GIVEN_UP

            async def body(
                recorded: Recorded, steps: list[tuple[str, bool]] = steps, gives_up: bool = gives_up
            ) -> None:
                for key, writes in steps:
                    await (recorded.append(key) if writes else recorded.read(key))
                if gives_up:
                    raise GivenUp

            await recorder.run(body, read_only=not any(writes for _, writes in steps))

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return await recorder.finish()
