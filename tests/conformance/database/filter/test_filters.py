"""The same filter gives the same records on every database: those that its definition names."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blrcs.domain.filter.evaluation import matches
from blrcs.domain.filter.parser import MAX_DEPTH, MAX_KEYS, parse_filter
from blrcs.domain.order_by import OrderBy, in_order, parse_order_by, position
from tests.conformance.database.filter.conftest import BY_ID, Records
from tests.documents import Case, cases, orders, subject

EXAMPLES = int(os.environ.get("FILTER_EXAMPLES", "40"))
"""More of them find more: by hand, before a change of what filters mean."""

many = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(case=cases())
async def test_filters_mean_the_same_everywhere(every: dict[str, Records], case: Case) -> None:
    for records in every.values():
        await records.put(case.subjects)
    for filter_ in case.filters:
        assert repr(parse_filter(str(filter_))) == repr(filter_)
        passing = [each for each in case.subjects if matches(filter_, each)]
        expected = [each.record_id for each in in_order(BY_ID, passing)]
        for kind, records in every.items():
            assert (kind, await records.ids(filter_)) == (kind, expected), filter_
            assert (kind, await records.count(filter_)) == (kind, len(expected))


async def test_the_largest_filters_run(records: Records) -> None:
    stored = [subject("a", {"a": [{"b": "x"}]}), subject("b", {"a": {"b": ["*x"]}})]
    await records.put(stored)
    wide = " ".join(['data.a.b:"x"'] * (MAX_KEYS // 2))
    deep = " ".join(["data.a.b.c.d.e.f.g.h.i.j:1"] * (MAX_KEYS // 10))
    either = " OR ".join(['contains(data.a.b, "x")'] * (MAX_KEYS // 2))
    nested = 'data.a.b:timestamp("2026-01-31T12:00:00Z")'
    for level in range(MAX_DEPTH):
        nested = f"NOT (data.a:1 {'OR' if level % 2 else 'AND'} {nested})"
    for text in (wide, f"NOT ({deep})", either, nested):
        filter_ = parse_filter(text)
        expected = [each.record_id for each in stored if matches(filter_, each)]
        order_by = parse_order_by("data.a.b, data.c.d, data.e, data.f desc, data.g")
        at = position(order_by, subject("0", {}))
        assert await records.ids(filter_, order_by, position=at) == expected


@many
@given(case=cases(), order_by=orders(), size=st.integers(1, 4))
async def test_pages_are_the_sorted_list(
    every: dict[str, Records], case: Case, order_by: OrderBy, size: int
) -> None:
    filter_ = case.filters[0]
    passing = [each for each in case.subjects if matches(filter_, each)]
    expected = [each.record_id for each in in_order(order_by, passing)]
    by_id = {each.record_id: each for each in case.subjects}
    for kind, records in every.items():
        await records.put(case.subjects)
        found: list[str] = []
        at = None
        while page := await records.ids(filter_, order_by, limit=size, position=at):
            found += page
            assert len(found) <= len(expected), (kind, found)
            at = position(order_by, by_id[page[-1]])
        assert (kind, found) == (kind, expected), order_by
