"""Every database has the one order of all values, and goes on from each of them."""

from typing import Any

import pytest

from blrcs.domain.order_by import SORTED_CHARACTERS, in_order, parse_order_by, position
from tests.conformance.database.filter.conftest import Records
from tests.documents import INJECTIONS, NUMBERS, STRINGS, subject

LONG = "\U0001f600" * SORTED_CHARACTERS
VALUES: list[Any] = [
    *NUMBERS,
    *STRINGS,
    *INJECTIONS,
    *(LONG + end for end in "cab"),
    None,
    True,
    False,
    [],
    [1],
    {},
    {"a": 1},
]
SUBJECTS = [
    subject(f"{n * 7919 % 1000:03}", {"v": value, "half": n % 2}) for n, value in enumerate(VALUES)
] + [subject("none", {}), subject("other", {"w": 1})]
PAGE = 23


@pytest.mark.parametrize(
    "order",
    ["data.v", "data.v desc", "data.half desc, data.v", "data.half, data.v desc, name",
     "expire_time, data.v"],
)  # fmt: skip
async def test_pages_of_all_values(records: Records, order: str) -> None:
    order_by = parse_order_by(order)
    by_id = {each.record_id: each for each in SUBJECTS}
    await records.put(SUBJECTS)
    found: list[str] = []
    at = None
    while page := await records.ids("", order_by, limit=PAGE, position=at):
        found += page
        at = position(order_by, by_id[page[-1]])
    assert found == [each.record_id for each in in_order(order_by, SUBJECTS)]
