"""Whatever a caller writes is a value: it is found where it is stored, and nothing else happens."""

import json

import pytest

from blrcs.database.dialect import Dialect
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.evaluation import Subject, matches
from blrcs.domain.filter.expression import is_nameable, quoted
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import in_order, parse_order_by, position
from tests.conformance.database.filter.conftest import ADD, PLACE, Records, row
from tests.documents import INJECTIONS, PREFIX, subject

FORMS = [
    'data.s = "{}"', 'data.s != "{}"', 'data.s < "{}"', 'data.s >= "{}"', 'data.s:"{}"',
    'data.s = "{}*"', 'data.s = "*{}"', 'data.s = "*{}*"', 'startsWith(data.s, "{}")',
    'endsWith(data.s, "{}")', 'contains(data.s, "{}")', 'record_id = "{}"', 'record_id > "{}"',
    'name = "{}"', 'name = "*{}"', 'data.list:"{}"', 'data:"{}"', 'data.o:"{}"',
]  # fmt: skip
KEY_FORMS = ['data."{}" = 1', 'data."{}":*', 'data.o."{}" = 1', 'data.list."{}":1']


def subjects() -> list[Subject]:
    """One for each string, and some that have nothing to do with them."""
    found = [
        subject(f"{n:02}", {"s": text, "list": ["x", text, {text: 1}], "o": {text: 1}, text: 1})
        for n, text in enumerate(INJECTIONS)
    ]
    return [*found, subject("x", {}), subject("y", {"s": "s", "list": [1], "o": {"o": 1}})]


def asked() -> list[str]:
    texts = [form.format(quoted(text)) for text in INJECTIONS for form in FORMS]
    keys = [quoted(text) for text in INJECTIONS if is_nameable(text)]
    return texts + [form.format(key) for key in keys for form in KEY_FORMS]


async def test_strings_and_keys_of_filters(records: Records) -> None:
    stored = subjects()
    await records.put(stored)
    for text in asked():
        filter_ = parse_filter(text)
        expected = [each.record_id for each in stored if matches(filter_, each)]
        assert await records.ids(filter_) == expected, text
    assert len(await records.ids()) == len(stored)


async def test_no_statement_has_any_of_it(records: Records) -> None:
    dialect: Dialect = records.database.dialect
    for text in asked():
        statement, _ = records.queries.page(
            parse_filter(text),
            parse_order_by(""),
            tenant="acme",
            collection="orders",
            name_prefix=PREFIX,
            now_ns=0,
            limit=1,
        )
        sql = statement.compiled(dialect).sql
        for part in ("DROP", "DELETE", "UNION", "jndi", "SELECT 1)", "tenants/", '"s"', "1=1"):
            assert part not in sql


@pytest.mark.parametrize("text", INJECTIONS)
async def test_places_ids_orders_and_positions(records: Records, text: str) -> None:
    stored = [subject(f"{text}{n}", {text: n % 2, "s": text}) for n in range(4)]
    await records.put(stored)
    await records.database.execute_many(ADD, [row(each, tenant=text) for each in stored])
    await records.database.execute_many(ADD, [row(each, collection=text) for each in stored])
    orders = ["data.s desc"]
    if is_nameable(text):
        orders.append(f'data."{quoted(text)}" desc, name')
    for each in orders:
        order_by = parse_order_by(each)
        expected = [each.record_id for each in in_order(order_by, stored)]
        assert await records.ids("", order_by) == expected
        at = tuple(json.loads(json.dumps(position(order_by, stored[1]))))
        rest = expected[expected.index(stored[1].record_id) + 1 :]
        assert await records.ids("", order_by, position=at) == rest
    for place in ({"tenant": text}, {"collection": text}):
        statement, params = records.queries.count(
            parse_filter(""), **PLACE | place, name_prefix=text, now_ns=0
        )
        found = await records.database.fetch_one(statement, **params)
        assert found is not None
        assert found.count == len(stored)


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_stands_bare_is_refused_or_a_string(text: str) -> None:
    for form in ("{}", "data.a = {}", "data.{} = 1", "create_time > {}", "NOT {}", "({})"):
        try:
            found = parse_filter(form.format(text))
        except InvalidArgumentError:
            continue
        assert parse_filter(str(found)) == found
