"""Who is served by which query."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from blrcs.database.batch_loader import BatchLoader
from blrcs.database.keyed_rows import KeyedRows
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.domain.consistency import Consistency, consistency
from blrcs.domain.deadline import call_deadline_ns, expect_within, remaining_s
from blrcs.domain.errors import UnavailableError

table = sa.table("t", sa.column("id"))


class Found(NamedTuple):
    id: int


class Rows(KeyedRows):
    """Remembers what it is asked; there is a row for each key below 100."""

    def __init__(self) -> None:
        super().__init__(sa.select(table), sa.Column("id"))
        self.asked: list[list[int]] = []
        self.sources: list[object] = []
        self.views: list[Consistency | None] = []
        self.left_s: list[float | None] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: BaseException | None = None

    async def fetch(self, source: Any, dialect_name: str, keys: Any) -> list[Any]:
        assert dialect_name == "sqlite"
        self.asked.append(list(keys))
        self.sources.append(source)
        self.views.append(consistency.get())
        self.left_s.append(remaining_s())
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return [Found(key) for key in sorted(keys) if key < 100]


class Database:
    dialect = SQLITE
    stale = object()


def loader(rows: KeyedRows, **options: Any) -> BatchLoader:
    database: Any = Database()
    return BatchLoader(database, rows, **options)


@pytest.fixture
def rows() -> Rows:
    return Rows()


async def all_of(*loads: Coroutine[Any, Any, Any]) -> list[Any]:
    return await asyncio.gather(*loads)


async def test_what_is_asked_in_one_tick_is_one_query(rows: Rows) -> None:
    loads = loader(rows)
    found = await all_of(*(loads.load(key) for key in (5, 3, 500, 5, 1)))
    assert rows.asked == [[5, 3, 500, 1]]
    assert found == [(5,), (3,), None, (5,), (1,)]


async def test_what_is_asked_later_is_another_one(rows: Rows) -> None:
    loads = loader(rows)
    rows.answers.clear()
    first = asyncio.create_task(loads.load(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(loads.load(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rows.answers.set()
    assert await all_of(first, second) == [(1,), (1,)]  # type: ignore[arg-type]
    assert rows.asked == [[1], [1]]


async def test_many_are_in_the_order_of_their_keys(rows: Rows) -> None:
    loads = loader(rows)
    assert await loads.load_many([9, 200, 1, 9]) == [(9,), None, (1,), (9,)]
    assert await loads.load_many([]) == []
    assert rows.asked == [[9, 200, 1]]


async def test_batches_are_bounded(rows: Rows) -> None:
    loads = loader(rows, max_batch=4)
    assert await loads.load_many(range(10)) == [(key,) for key in range(10)]
    assert [len(keys) for keys in rows.asked] == [4, 4, 2]


@pytest.mark.parametrize("max_batch", [0, KeyedRows.max_keys + 1])
async def test_a_batch_has_a_size(rows: Rows, max_batch: int) -> None:
    with pytest.raises(ValueError, match="keys"):
        loader(rows, max_batch=max_batch)


async def test_an_error_is_everybodys(rows: Rows) -> None:
    loads = loader(rows)
    rows.error = UnavailableError("DATABASE_UNAVAILABLE", "gone")
    results = await asyncio.gather(
        loads.load(1), loads.load(2), loads.load_many([2, 3]), return_exceptions=True
    )
    assert [type(result) for result in results] == [UnavailableError] * 3
    rows.error = None
    assert await loads.load(1) == (1,)


@pytest.mark.parametrize("how", ["load", "load_many"])
async def test_who_is_cancelled_takes_nobody_along(rows: Rows, how: str) -> None:
    loads = loader(rows)
    load: Callable[[int], Any] = (
        loads.load if how == "load" else (lambda key: loads.load_many([key]))
    )
    rows.answers.clear()
    gone, stays = asyncio.create_task(load(1)), asyncio.create_task(loads.load(1))
    before = asyncio.create_task(load(2))
    await asyncio.sleep(0)
    before.cancel()
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone, before])
    rows.answers.set()
    assert await stays == (1,)
    assert gone.cancelled()


async def test_an_error_that_nobody_waits_for_is_told_nobody(rows: Rows) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    rows.error = UnavailableError("DATABASE_UNAVAILABLE", "gone")
    loads = loader(rows)
    task = asyncio.create_task(loads.load(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    for _ in range(5):
        await asyncio.sleep(0)
    del loads, task
    assert rows.asked == [[1]]
    assert told == []


async def test_the_query_has_the_time_of_the_most_patient(rows: Rows) -> None:
    loads = loader(rows)

    async def within(left_s: float | None) -> None:
        expect_within(left_s)
        await loads.load(1)

    await all_of(within(100), within(500), within(200))
    await all_of(within(100), within(None))
    first, second = rows.left_s
    assert first is not None
    assert 200 < first <= 500
    assert second is None
    assert call_deadline_ns.get() is None


async def test_only_those_that_may_be_as_stale_go_together(rows: Rows) -> None:
    loads = loader(rows, stale=True)

    async def call(*tokens: str, has_written: bool = False) -> None:
        consistency.set(Consistency(tokens, has_written))
        await loads.load(1)

    await all_of(call(), call("a"), call("a"), call(has_written=True), loads.load(1))
    assert rows.views == [Consistency(), Consistency(("a",)), Consistency((), True)]
    assert rows.sources == [Database.stale] * 3


async def test_the_primary_has_everything_for_everybody(rows: Rows) -> None:
    loads = loader(rows)

    async def call(*tokens: str) -> None:
        consistency.set(Consistency(tokens))
        await loads.load(1)

    await all_of(call(), call("a"))
    assert rows.asked == [[1]]
    assert Database.stale not in rows.sources
