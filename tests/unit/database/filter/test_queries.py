from typing import Any

import pytest
import sqlalchemy as sa

from blrcs.database.dialect import Dialect
from blrcs.database.filter.columns import Columns
from blrcs.database.filter.queries import FilteredQueries, Query
from blrcs.database.mysql.dialect import MARIADB, MYSQL
from blrcs.database.postgresql.dialect import POSTGRESQL
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.types import DOCUMENT, KEY, NUMBER
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import parse_order_by

NAMES = {"tenant": KEY, "collection": KEY, "record_id": KEY, "document": DOCUMENT}
TIMES = ("create_time_ns", "update_time_ns", "expire_time_ns")
table = sa.Table(
    "records",
    sa.MetaData(),
    *(sa.Column(name, type_) for name, type_ in NAMES.items()),
    *(sa.Column(name, NUMBER) for name in TIMES),
)


@pytest.fixture
def queries() -> FilteredQueries:
    return FilteredQueries(Columns.of(table), kept_statements=3)


def page(queries: FilteredQueries, filter_: str, order_by: str = "", **options: Any) -> Query:
    return queries.page(
        parse_filter(filter_),
        parse_order_by(order_by),
        tenant="t",
        collection="c",
        name_prefix="p/",
        now_ns=1,
        limit=2,
        **options,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("data.a = 1", "data.total = 2.5e3"),
        ("data.a.b < 'x'", 'data.c.d < "it is"'),
        ("data.a:x data.b = 'y*'", "data.tags:red   AND data.name = 'z*'"),
        ("create_time > 2026-01-31T12:00:00Z", "create_time>'2026-01-31T12:00:00.5+01:00'"),
        ("data.a = 1 OR NOT data.b = 2", "(data.x=3 OR data.y!=4)"),
        ("name = a", "name = b"),
    ],
)
def test_filters_of_one_shape_are_one_statement(
    queries: FilteredQueries, one: str, other: str
) -> None:
    (statement, params), (again, others) = page(queries, one), page(queries, other)
    assert again is statement
    assert others.keys() == params.keys()
    assert others != params


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("data.a = 1", "data.a = true"),
        ("data.a = 0", "data.a = false"),
        ("data.a = 1", "data.a = '1'"),
        ("data.a = true", "data.a = false"),
        ("data.a = null", "data.a:*"),
        ("data.a = 1", "data.a < 1"),
        ("data.a = 1", "data.a:1"),
        ("data.a = 1", "data.a != 1"),
        ("data.a = 1", "data.a.b = 1"),
        ("data.a = 'x'", "data.a = 'x*'"),
        ("data.a = '*x'", "data.a = 'x*'"),
        ("data.a = '*'", "data.a = 'x*'"),
        ("data.a:x", r"data.a:'\\'"),
        ("data.a = 'x'", "data.a = timestamp('2026-01-31T12:00:00Z')"),
        ("data.a = 1 data.b = 1", "data.a = 1 OR data.b = 1"),
        ("create_time > 2026-01-31T12:00:00Z", "update_time > 2026-01-31T12:00:00Z"),
        ("name = a", "record_id = a"),
    ],
)
def test_filters_of_other_shapes_are_not(queries: FilteredQueries, one: str, other: str) -> None:
    (statement, params), (another, others) = page(queries, one), page(queries, other)
    assert another is not statement
    for dialect in (SQLITE, POSTGRESQL, MARIADB):
        first, second = statement.compiled(dialect), another.compiled(dialect)
        assert first.sql != second.sql
        first.bind(params)
        second.bind(others)


def test_orders_and_positions_are_part_of_the_shape(queries: FilteredQueries) -> None:
    statement, _ = page(queries, "", "data.a desc")
    assert page(queries, "", "data.b desc")[0] is statement
    assert page(queries, "", "data.a")[0] is not statement
    assert page(queries, "", "data.a desc", position=(0, 0.0, "", "x"))[0] is not statement


def test_statements_that_were_not_used_for_long_are_forgotten(queries: FilteredQueries) -> None:
    first, _ = page(queries, "data.a = 1")
    for text in ("data.a = 'x'", "data.a < 1"):
        page(queries, text)
    assert page(queries, "data.a = 1")[0] is first
    for text in ("data.a > 1", "data.a >= 1"):
        page(queries, text)
    assert page(queries, "data.a = 1")[0] is first
    for text in ("data.a > 'x'", "data.a >= 'x'", "data.a < 'x'"):
        page(queries, text)
    assert page(queries, "data.a = 1")[0] is not first


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL, MARIADB, MYSQL])
def test_values_are_parameters(queries: FilteredQueries, dialect: Dialect) -> None:
    statement, params = page(
        queries,
        'data.secretKey.x = "secretText" data.b:"secretWord" name="secretName*"',
        "data.secretOrder desc",
        position=(5, 0.0, "secretPosition", "secretId"),
    )
    compiled = statement.compiled(dialect)
    assert "secret" not in compiled.sql
    assert "p/" not in compiled.sql
    values = str(compiled.bind(params))
    for part in ("Key", "Text", "Word", "Name", "Order", "Position", "Id"):
        assert f"secret{part}" in values


def test_only_what_is_selected_is_read() -> None:
    queries = FilteredQueries(Columns.of(table), table.c.record_id)
    statement, _ = page(queries, "data.a = 1")
    row = statement.compiled(SQLITE).make_row(("x",))
    assert row.record_id == "x"
    assert row._fields == ("record_id",)
