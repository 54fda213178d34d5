"""What every adapter of a database has to do, as tests.

    class TestMyAdapter(DatabaseConformance):
        @pytest.fixture
        async def database(self):
            async with await open_my_adapter() as database:
                yield database

pytest-asyncio runs them, with ``asyncio_mode = "auto"``. The database is one where tables whose
names begin with ``conformance_`` can be made and dropped.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable

from blrcs.database.adapter import STREAMED_ROWS, DatabaseAdapter, Isolation, Reads, Transaction
from blrcs.database.batch_loader import BatchLoader
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.keyed_rows import KeyedRows
from blrcs.database.statement import Row, Statement
from blrcs.database.types import BYTES, KEY, NUMBER, TEXT
from blrcs.domain.consistency import Consistency, consistency
from blrcs.domain.errors import UnavailableError

metadata = sa.MetaData()
shelves = sa.Table(
    "conformance_shelves",
    metadata,
    sa.Column("id", KEY, primary_key=True),
)
books = sa.Table(
    "conformance_books",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("pages", NUMBER, nullable=False),
    sa.Column("title", TEXT),
    sa.Column("cover", BYTES),
    sa.Column("lent", sa.Boolean),
    sa.Column("shelf", KEY, sa.ForeignKey("conformance_shelves.id")),
    sa.Column("isbn", KEY, unique=True),
    sa.CheckConstraint("pages >= -9223372036854775807", name="conformance_pages"),
)

ADD = Statement(sa.insert(books))
ALL = Statement(sa.select(books).order_by(books.c.id))
BY_ID = Statement(sa.select(books).where(books.c.id == sa.bindparam("book")))
COUNT = Statement(sa.select(sa.func.count().label("count")).select_from(books))
SET_PAGES = Statement(
    sa.update(books)
    .where(books.c.id == sa.bindparam("book"))
    .values(pages=sa.bindparam("new_pages"))
)
ADD_PAGES = Statement(
    sa.update(books)
    .where(books.c.id == sa.bindparam("book"))
    .values(pages=books.c.pages + sa.bindparam("more"))
)
TITLED = Statement(
    sa.select(books).where(
        books.c.title == sa.bindparam("wanted"), books.c.pages >= sa.bindparam("least")
    )
)
LEND = Statement(
    sa.update(books).where(books.c.id == sa.bindparam("book")).values(lent=sa.bindparam("is_lent"))
)
LENT = Statement(sa.select(sa.func.count().label("count")).where(books.c.lent == sa.true()))

HARD_TEXTS = [
    "",
    " ",
    "'; DROP TABLE conformance_books; --",
    '"quoted" \\ \\\' %s %% $1 :name ?',
    "caf\u00e9 \u65e5\u672c \U0001f600",
    "line\nbreak\ttab\r",
    "x" * 100_000,
]
EXTREMES = [0, 1, -1, 2**31, 2**63 - 1, -(2**63) + 1]
WRITERS = 8


def book(id_: str, **values: Any) -> dict[str, Any]:
    """A row with something in every column."""
    plain = {"pages": 1, "title": None, "cover": None, "lent": None, "shelf": None, "isbn": None}
    return {"id": id_, **plain, **values}


async def one(source: Reads | Transaction, statement: Statement, **params: Any) -> Row:
    """The row that is there."""
    row = await source.fetch_one(statement, **params)
    assert row is not None
    return row


class Undone(Exception):  # noqa: N818 - it is no error
    """Leaves a block so that it is undone."""


class DatabaseConformance:
    """The suite. A subclass gives the fixture ``database``, an open adapter."""

    @pytest.fixture(autouse=True)
    async def tables(self, database: DatabaseAdapter) -> AsyncIterator[None]:
        """The tables of the suite, empty."""
        drop = [DropTable(each, if_exists=True) for each in (books, shelves)]
        await database.define(*drop, CreateTable(shelves), CreateTable(books))
        yield
        with suppress(UnavailableError):  # a test has closed it
            await database.define(*drop)

    # Values ---------------------------------------------------------------------------------------

    async def test_there_is_no_row(self, database: DatabaseAdapter) -> None:
        assert await database.fetch_one(BY_ID, book="none") is None
        assert await database.fetch_all(ALL) == []

    @pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
    async def test_text_comes_back(self, database: DatabaseAdapter, text: str) -> None:
        await database.execute(ADD, **book("a", title=text))
        row = await one(database, BY_ID, book="a")
        assert row.title == text

    @pytest.mark.parametrize("number", EXTREMES)
    async def test_numbers_come_back(self, database: DatabaseAdapter, number: int) -> None:
        await database.execute(ADD, **book("a", pages=number))
        assert (await one(database, BY_ID, book="a")).pages == number

    @pytest.mark.parametrize("octets", [b"", bytes(range(256)), b"\0" * 70_000])
    async def test_bytes_come_back(self, database: DatabaseAdapter, octets: bytes) -> None:
        await database.execute(ADD, **book("a", cover=octets))
        cover = (await one(database, BY_ID, book="a")).cover
        assert type(cover) is bytes
        assert cover == octets

    @pytest.mark.parametrize("flag", [True, False, None])
    async def test_flags_come_back(self, database: DatabaseAdapter, flag: bool | None) -> None:
        await database.execute(ADD, **book("a", lent=flag))
        assert (await one(database, BY_ID, book="a")).lent is flag

    async def test_keys_are_in_the_order_of_their_octets(self, database: DatabaseAdapter) -> None:
        keys = ["B", "a", "A", "_", "-", "\u00e9", "z", "Z", "aa", "a-b", "0", "10", "9"]
        keys += ["a ", "a\t", "a\tb", "a  b", " ", ""]
        await database.execute_many(ADD, [book(key) for key in keys])
        rows = await database.fetch_all(ALL)
        assert [row.id for row in rows] == sorted(keys, key=str.encode)

    async def test_keys_are_told_apart_to_the_octet(self, database: DatabaseAdapter) -> None:
        await database.execute_many(ADD, [book(key) for key in ("a", "A", "\u00e1", "b", "a ")])
        assert (await one(database, BY_ID, book="A")).id == "A"
        assert (await one(database, BY_ID, book="a ")).id == "a "
        assert await database.fetch_one(BY_ID, book="B") is None
        assert await database.fetch_one(BY_ID, book="b ") is None

    # Statements -----------------------------------------------------------------------------------

    async def test_changes_are_counted(self, database: DatabaseAdapter) -> None:
        assert await database.execute(ADD, **book("a", pages=5)) == 1
        assert await database.execute(SET_PAGES, book="a", new_pages=6) == 1
        assert await database.execute(SET_PAGES, book="a", new_pages=6) == 1
        assert await database.execute(SET_PAGES, book="b", new_pages=6) == 0

    async def test_many_rows_are_added_or_none(self, database: DatabaseAdapter) -> None:
        await database.execute_many(ADD, [])
        await database.execute_many(ADD, [book(f"{number:03}") for number in range(200)])
        with pytest.raises(IntegrityViolationError):
            await database.execute_many(ADD, [book("new"), book("000"), book("newer")])
        assert (await one(database, COUNT)).count == 200

    @pytest.mark.parametrize("count", [1, 2, 20])
    async def test_rows_may_be_tuples_in_the_order_of_the_columns(
        self, database: DatabaseAdapter, count: int
    ) -> None:
        given = [book(f"{number:02}", pages=number, cover=b"\x00") for number in range(count)]
        rows = [tuple(each[column.name] for column in books.columns) for each in given]
        async with database.transaction() as transaction:
            await transaction.execute_many(ADD, rows)
        assert [each.pages for each in await database.fetch_all(ALL)] == list(range(count))
        assert await one(database, BY_ID, book="00") == rows[0]

    @pytest.mark.parametrize("count", [1, 2, 20])
    async def test_rows_may_be_given_column_by_column(
        self, database: DatabaseAdapter, count: int
    ) -> None:
        own = {"id": [f"{number:02}" for number in range(count)], "pages": range(7, 7 + count)}
        common = book("", cover=b"\x00") | own
        async with database.transaction() as transaction:
            columns = [common[column.name] for column in books.columns]
            await transaction.execute_columns(ADD, columns)
        rows = await database.fetch_all(ALL)
        assert [each.pages for each in rows] == list(own["pages"])
        expected = book("00", pages=7, cover=b"\x00")
        assert await one(database, BY_ID, book="00") == tuple(
            expected[column.name] for column in books.columns
        )
        with pytest.raises(IntegrityViolationError):
            async with database.transaction() as transaction:
                await transaction.execute_columns(ADD, columns)
        for wrong in (columns[:-1], [*columns, columns[-1]]):
            with pytest.raises(TypeError):
                async with database.transaction() as transaction:
                    await transaction.execute_columns(ADD, wrong)
        assert (await one(database, COUNT)).count == count

    @pytest.mark.parametrize("params", [{}, {"book": "a", "other": 1}, {"id": "a"}])
    async def test_wrong_parameters_are_refused(
        self, database: DatabaseAdapter, params: dict[str, Any]
    ) -> None:
        async with database.transaction() as transaction:
            with pytest.raises(TypeError, match="parameters"):
                await transaction.fetch_one(BY_ID, **params)
            assert await transaction.fetch_one(BY_ID, book="a") is None

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            ({"id": "taken"}, "unique"),
            ({"isbn": "taken"}, "unique"),
            ({"shelf": "none"}, "foreign_key"),
            ({"pages": None}, "not_null"),
            ({"pages": -(2**63)}, "check"),
        ],
    )
    async def test_a_violation_is_named(
        self, database: DatabaseAdapter, change: dict[str, Any], kind: str
    ) -> None:
        await database.execute(ADD, **book("taken", isbn="taken"))
        with pytest.raises(IntegrityViolationError) as caught:
            await database.execute(ADD, **book("b") | change)
        assert caught.value.kind == kind
        assert (await one(database, COUNT)).count == 1

    # Transactions ---------------------------------------------------------------------------------

    async def test_a_block_is_committed_at_its_end(self, database: DatabaseAdapter) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(ADD, **book("a"))
            await asyncio.sleep(0)
            assert (await one(transaction, BY_ID, book="a")).id == "a"
            assert await database.fetch_one(BY_ID, book="a") is None
        assert (await one(database, BY_ID, book="a")).id == "a"

    async def test_a_block_that_raises_is_undone(self, database: DatabaseAdapter) -> None:
        with pytest.raises(Undone):
            async with database.transaction() as transaction:
                await transaction.execute(ADD, **book("a"))
                raise Undone
        assert await database.fetch_all(ALL) == []

    async def test_an_operation_has_an_attempt(self, database: DatabaseAdapter) -> None:
        async def count(transaction: Transaction) -> Row | None:
            return await transaction.fetch_one(COUNT)

        with pytest.raises(ValueError, match="attempts"):
            await database.run(count, attempts=0)

    async def test_a_block_that_is_cancelled_is_undone(self, database: DatabaseAdapter) -> None:
        written = asyncio.Event()

        async def write() -> None:
            async with database.transaction() as transaction:
                await transaction.execute(ADD, **book("a"))
                written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(write())
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await database.execute(ADD, **book("a"))
        assert (await one(database, COUNT)).count == 1

    async def test_a_savepoint_is_undone_alone(self, database: DatabaseAdapter) -> None:
        async with database.transaction() as transaction:
            await transaction.execute(ADD, **book("a"))
            with pytest.raises(IntegrityViolationError):
                async with transaction.savepoint():
                    await transaction.execute(ADD, **book("b"))
                    async with transaction.savepoint():
                        await transaction.execute(ADD, **book("c"))
                    await transaction.execute(ADD, **book("a"))
            async with transaction.savepoint():
                await transaction.execute(ADD, **book("d"))
        assert [row.id for row in await database.fetch_all(ALL)] == ["a", "d"]

    async def test_many_rows_within_a_transaction(self, database: DatabaseAdapter) -> None:
        async with database.transaction() as transaction:
            await transaction.execute_many(ADD, [book("a"), book("b")])
            assert len(await transaction.fetch_all(ALL)) == 2

    async def test_what_only_reads_cannot_write(self, database: DatabaseAdapter) -> None:
        with pytest.raises(Exception, match=r"(?i)read.?only|readonly"):
            async with database.transaction(read_only=True) as transaction:
                await transaction.execute(ADD, **book("a"))
        assert await database.fetch_all(ALL) == []

    async def test_a_reader_sees_one_moment(self, database: DatabaseAdapter) -> None:
        async with database.transaction(read_only=True) as transaction:
            assert await transaction.fetch_all(ALL) == []
            await database.execute(ADD, **book("a"))
            assert await transaction.fetch_all(ALL) == []
        assert len(await database.fetch_all(ALL)) == 1

    async def test_an_operation_gives_its_result(self, database: DatabaseAdapter) -> None:
        async def operation(transaction: Transaction) -> str:
            await transaction.execute(ADD, **book("a", title="found"))
            row = await one(transaction, BY_ID, book="a")
            return str(row.title)

        assert await database.run(operation) == "found"
        assert len(await database.fetch_all(ALL)) == 1

    async def test_an_operation_that_raises_is_undone(self, database: DatabaseAdapter) -> None:
        async def operation(transaction: Transaction) -> None:
            await transaction.execute(ADD, **book("a"))
            raise Undone

        with pytest.raises(Undone):
            await database.run(operation)
        assert await database.fetch_all(ALL) == []

    @pytest.mark.parametrize("way", ["block", "block undone", "snapshot", "operation"])
    async def test_one_that_has_ended_is_refused(self, database: DatabaseAdapter, way: str) -> None:
        kept: list[Transaction] = []

        async def operation(transaction: Transaction) -> None:
            await transaction.fetch_all(ALL)
            kept.append(transaction)

        if way == "operation":
            await database.run(operation)
        elif way == "snapshot":
            async with database.snapshot() as transaction:
                await operation(transaction)
        else:
            with suppress(Undone):
                async with database.transaction() as transaction:
                    await operation(transaction)
                    if way == "block undone":
                        raise Undone
        (ended,) = kept
        for attempt in (
            ended.execute(ADD, **book("a")),
            ended.execute_many(ADD, [book("a")]),
            ended.fetch_one(COUNT),
            ended.fetch_all(ALL),
            ended.stream(ALL).__anext__(),
            ended.savepoint().__aenter__(),
        ):
            with pytest.raises(RuntimeError, match="has ended"):
                await attempt
        assert await database.fetch_all(ALL) == []

    async def test_no_update_is_lost(self, database: DatabaseAdapter) -> None:
        """Each reads and then writes what it makes of it."""
        await database.execute(ADD, **book("a", pages=0))

        async def operation(transaction: Transaction) -> None:
            row = await one(transaction, BY_ID, book="a")
            await transaction.execute(SET_PAGES, book="a", new_pages=row.pages + 1)

        async def increment() -> None:
            await database.run(operation, isolation=Isolation.SERIALIZABLE, attempts=50)

        await asyncio.gather(*(increment() for _ in range(WRITERS)))
        assert (await one(database, BY_ID, book="a")).pages == WRITERS

    async def test_there_is_no_write_skew(self, database: DatabaseAdapter) -> None:
        """At most one book may be lent, which each checks before it lends another one."""
        names = [f"{number}" for number in range(WRITERS)]
        await database.execute_many(ADD, [book(name, lent=False) for name in names])

        async def lend(name: str) -> bool:
            async def operation(transaction: Transaction) -> bool:
                if (await one(transaction, LENT)).count:
                    return False
                await transaction.execute(LEND, book=name, is_lent=True)
                return True

            return await database.run(operation, isolation=Isolation.SERIALIZABLE, attempts=50)

        done = await asyncio.gather(*(lend(name) for name in names))
        assert sum(done) == (await one(database, LENT)).count == 1

    async def test_what_was_acknowledged_is_seen(self, database: DatabaseAdapter) -> None:
        for number in range(20):
            await database.execute(ADD, **book(f"{number}"))
            assert (await one(database, COUNT)).count == number + 1

    async def test_many_at_once(self, database: DatabaseAdapter) -> None:
        await database.execute(ADD, **book("a", pages=0))
        work = [database.execute(ADD_PAGES, book="a", more=1) for _ in range(100)]
        reads = [database.fetch_one(BY_ID, book="a") for _ in range(100)]
        await asyncio.gather(*work, *reads)
        assert (await one(database, BY_ID, book="a")).pages == 100

    # Streams --------------------------------------------------------------------------------------

    async def test_a_stream_gives_all_rows_in_their_order(self, database: DatabaseAdapter) -> None:
        count = 3 * STREAMED_ROWS + 1
        rows = [
            book(
                f"{number:05}",
                pages=number - 5,
                title=HARD_TEXTS[number % len(HARD_TEXTS)][:100] if number % 3 else None,
                cover=bytes([number % 256, 0, 255]),
                lent=(True, False, None)[number % 3],
            )
            for number in range(count)
        ]
        await database.execute_many(ADD, rows)
        async with database.transaction(read_only=True) as transaction:
            streamed = [row async for row in transaction.stream(ALL)]
            assert streamed == await transaction.fetch_all(ALL)
            assert [row._asdict() for row in streamed] == rows
            assert {type(row.lent) for row in streamed} == {bool, type(None)}

    @pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
    async def test_a_stream_takes_parameters(self, database: DatabaseAdapter, text: str) -> None:
        await database.execute_many(ADD, [book("a", title=text), book("b", title="other")])
        async with database.transaction() as transaction:
            found = [row async for row in transaction.stream(TITLED, wanted=text, least=1)]
            assert [row.id for row in found] == ["a"]
            assert [row async for row in transaction.stream(TITLED, wanted=text, least=2)] == []
            with pytest.raises(TypeError, match="parameters"):
                await anext(transaction.stream(TITLED))
            assert (await one(transaction, COUNT)).count == 2

    async def test_a_stream_that_is_closed_leaves_the_transaction_usable(
        self, database: DatabaseAdapter
    ) -> None:
        await database.execute_many(ADD, [book(f"{number:05}") for number in range(2000)])
        async with database.transaction() as transaction:
            async with aclosing(transaction.stream(ALL)) as rows:
                assert (await anext(rows)).id == "00000"
            await transaction.execute(ADD, **book("new"))
        assert (await one(database, COUNT)).count == 2001

    async def test_a_stream_that_is_left_harms_nobody_else(self, database: DatabaseAdapter) -> None:
        await database.execute_many(ADD, [book(f"{number:05}") for number in range(2000)])
        with pytest.raises(Undone):
            async with database.transaction(read_only=True) as transaction:
                rows = transaction.stream(ALL)
                await anext(rows)
                raise Undone
        await database.execute(ADD, **book("new"))
        async with database.transaction() as transaction:
            assert (await one(transaction, COUNT)).count == 2001

    async def test_an_operation_streams(self, database: DatabaseAdapter) -> None:
        await database.execute_many(ADD, [book("a"), book("b")])

        async def operation(transaction: Transaction) -> list[str]:
            names = [row.id async for row in transaction.stream(ALL)]
            await transaction.execute(ADD, **book("c"))
            return names

        assert await database.run(operation) == ["a", "b"]
        assert (await one(database, COUNT)).count == 3

    # The adapter ----------------------------------------------------------------------------------

    async def test_a_caller_that_is_cancelled_leaves_nothing_behind(
        self, database: DatabaseAdapter
    ) -> None:
        await database.execute(ADD, **book("a", pages=0))
        for _ in range(50):
            task = asyncio.create_task(database.execute(ADD_PAGES, book="a", more=1))
            await asyncio.sleep(0)
            task.cancel()
        reads = [asyncio.create_task(database.fetch_all(ALL)) for _ in range(50)]
        await asyncio.sleep(0)
        for read in reads:
            read.cancel()
        async with database.transaction() as transaction:
            assert len(await transaction.fetch_all(ALL)) == 1
        await database.check()

    async def test_what_may_be_stale_has_what_the_call_has_written(
        self, database: DatabaseAdapter
    ) -> None:
        before = consistency.set(Consistency())
        await database.execute(ADD, **book("a"))
        assert (await one(database.stale, COUNT)).count == 1
        assert len(await database.stale.fetch_all(ALL)) == 1
        async with database.stale.snapshot() as transaction:
            assert (await one(transaction, COUNT)).count == 1
        consistency.reset(before)

    @pytest.mark.parametrize("count", [1, 3, 4, 5, 65, 256, 300])
    async def test_many_keys_are_loaded_at_once(
        self, database: DatabaseAdapter, count: int
    ) -> None:
        keys = [f"é{number}" for number in range(count)]
        await database.execute_many(ADD, [book(key) for key in keys[::2]])
        loader = BatchLoader(database, KeyedRows(sa.select(books), books.c.id))
        asked = [*reversed(keys), keys[0], "none", "' OR 1=1 --"]
        rows = await loader.load_many(asked)
        found = set(keys[::2])
        assert [row and row.id for row in rows] == [key if key in found else None for key in asked]

    async def test_keys_may_have_several_columns(self, database: DatabaseAdapter) -> None:
        await database.execute_many(ADD, [book(key, pages=len(key)) for key in ("a", "b", "cc")])
        loader = BatchLoader(database, KeyedRows(sa.select(books), books.c.id, books.c.pages))
        asked = [("cc", 2), ("a", 1), ("a", 2), ("b", 1), ("none", 1), ("' OR 1=1 --", 1)]
        rows = await loader.load_many(asked)
        assert [row and row.id for row in rows] == ["cc", "a", None, "b", None, None]

    async def test_it_is_free_while_nothing_else_runs(self, database: DatabaseAdapter) -> None:
        assert database.is_free

    async def test_it_can_be_closed_twice(self, database: DatabaseAdapter) -> None:
        await database.check()
        await database.close()
        await database.close()

    async def test_what_comes_after_it_is_closed_is_refused(self, closed: DatabaseAdapter) -> None:
        with pytest.raises(UnavailableError):
            await closed.check()
        with pytest.raises(UnavailableError):
            await closed.fetch_one(BY_ID, book="a")
        with pytest.raises(UnavailableError):
            await closed.execute(ADD, **book("a"))
        with pytest.raises(UnavailableError):
            async with closed.transaction():
                pass

    @pytest.fixture
    async def closed(self, database: DatabaseAdapter) -> DatabaseAdapter:
        """An adapter that has been closed."""
        await database.close()
        return database
