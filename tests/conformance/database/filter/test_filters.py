"""The same filter gives the same records on every database: those that its definition names."""

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blrcs.domain.filter.evaluation import matches
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import in_order, position
from tests.conformance.database.filter.conftest import BY_ID, Records
from tests.documents import Case, cases, orders

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


@many
@given(case=cases(), order_by=orders(), size=st.integers(1, 4))
async def test_pages_are_the_sorted_list(
    every: dict[str, Records], case: Case, order_by: Any, size: int
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
