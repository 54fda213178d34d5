"""The last page costs what the first did: an index leads to where it begins."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import OrderBy, Position, parse_order_by, position
from tests.conformance.database.filter.conftest import PLACE, Records
from tests.documents import PREFIX, subject

MANY = 2000
PAGE = 10

Cost = Callable[[str, Any], Awaitable[int]]


async def instructions_of_sqlite(database: SqliteAdapter, sql: str, values: Any) -> int:
    """How many steps of its machine a statement takes."""
    connection = database._open_reader()
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    connection.execute(sql, values).fetchall()
    connection.close()
    return steps


async def rows_of_postgresql(database: PostgresqlAdapter, sql: str, values: Any) -> int:
    """How many rows all parts of its plan give or throw away."""

    async def rows(connection: Any) -> int:
        await connection.execute("ANALYZE filter_records")
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
        return _rows(json.loads(plan)[0]["Plan"])

    return await database._run(rows)


def _rows(node: dict[str, Any]) -> int:
    own = int(node["Actual Rows"]) + int(node.get("Rows Removed by Filter", 0))
    return own + sum(map(_rows, node.get("Plans", [])))


async def reads_of_mariadb(database: MysqlAdapter, sql: str, values: Any) -> int:
    """How many rows its storage engine is asked for."""
    connection = await database._lender.take()
    try:
        await connection.execute("ANALYZE TABLE filter_records", ())

        async def reads() -> int:
            answer = await connection.execute("SHOW SESSION STATUS LIKE 'Handler_read%'", ())
            return sum(int(value) for _, value in answer.rows or ())

        before = await reads()
        await connection.execute(sql, values)
        return await reads() - before
    finally:
        database._lender.take_back(connection)


COSTS: dict[type, Any] = {
    SqliteAdapter: instructions_of_sqlite,
    PostgresqlAdapter: rows_of_postgresql,
    MysqlAdapter: reads_of_mariadb,
}


async def cost(records: Records, order_by: OrderBy, at: Position | None, filter_: str) -> int:
    statement, params = records.queries.page(
        parse_filter(filter_),
        order_by,
        **PLACE,
        name_prefix=PREFIX,
        now_ns=0,
        limit=PAGE,
        position=at,
    )
    compiled = statement.compiled(records.database.dialect)
    found: int = await COSTS[type(records.database)](
        records.database, compiled.sql, compiled.bind(params)
    )
    return found


@pytest.mark.parametrize("filter_", ["", "data.n >= 0"])
@pytest.mark.parametrize("alike", [3, MANY])
@pytest.mark.parametrize("order", ["", "name desc", "create_time", "create_time desc"])
async def test_no_page_reads_the_pages_before_it(
    records: Records, order: str, alike: int, filter_: str
) -> None:
    order_by = parse_order_by(order)
    stored = [subject(f"{n:05}", {"n": n}, at_ns=n // alike) for n in range(MANY)]
    await records.put(stored)
    first = await cost(records, order_by, None, filter_)
    ordered = stored[::-1] if "desc" in order else stored
    second = await cost(records, order_by, position(order_by, ordered[PAGE - 1]), filter_)
    last = await cost(records, order_by, position(order_by, ordered[-PAGE - 1]), filter_)
    # Where few rows are left, PostgreSQL reads them all and sorts them.
    assert max(second, last) <= first * 3
    if not isinstance(records.database, SqliteAdapter):
        assert first <= PAGE * 4
