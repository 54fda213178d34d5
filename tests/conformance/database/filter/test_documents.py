"""Documents are what was written, and every database reads the same out of them."""

from typing import Any

import orjson
import pytest
from hypothesis import given

from blrcs.domain.filter.document import MAX_DEPTH
from blrcs.domain.filter.evaluation import matches
from blrcs.domain.filter.parser import parse_filter
from tests.conformance.database.filter.conftest import Records
from tests.conformance.database.filter.test_filters import many
from tests.documents import KEYS, NUMBERS, STRINGS, documents, subject


@many
@given(document=documents)
async def test_they_come_back_to_the_octet(
    every: dict[str, Records], document: dict[str, Any]
) -> None:
    text = orjson.dumps(document).decode()
    for kind, records in every.items():
        await records.put([subject("a", document)])
        (row,) = await records.page()
        assert (kind, row.document) == (kind, text)


async def test_numbers_are_told_apart_to_the_last_bit(records: Records) -> None:
    subjects = [subject(f"{n:02}", {"n": number}) for n, number in enumerate(NUMBERS)]
    await records.put(subjects)
    for number in NUMBERS:
        for operator in ("=", "<", ">="):
            filter_ = parse_filter(f"data.n {operator} {float(number)!r}")
            expected = [each.record_id for each in subjects if matches(filter_, each)]
            assert await records.ids(filter_) == expected, filter_


async def test_strings_are_told_apart_to_the_octet(records: Records) -> None:
    subjects = [subject(f"{n:02}", {"s": text}) for n, text in enumerate(STRINGS)]
    await records.put(subjects)
    for text in (each for each in STRINGS if len(each) < 1000):
        quoted = orjson.dumps(text).decode().replace("*", "\\*")
        for operator in ("=", "<", ">=", ":"):
            filter_ = parse_filter(f"data.s {operator} {quoted}")
            expected = [each.record_id for each in subjects if matches(filter_, each)]
            assert await records.ids(filter_) == expected, filter_


async def test_instants_are_told_from_other_strings(records: Records) -> None:
    subjects = [subject(f"{n:02}", {"s": text, "l": [text]}) for n, text in enumerate(STRINGS)]
    await records.put(subjects)
    for instant in ("12:00:00Z", "12:00:00.5Z", "12:00:00.123456789Z", "13:00:00+01:00"):
        for asked in ("s =", "s <", "s <=", "s >", "s !=", "l:"):
            filter_ = parse_filter(f'data.{asked} timestamp("2026-01-31T{instant}")')
            expected = [each.record_id for each in subjects if matches(filter_, each)]
            assert await records.ids(filter_) == expected, filter_


async def test_every_key_that_has_a_path_is_found(records: Records) -> None:
    await records.put([subject(f"{n:02}", {key: n}) for n, key in enumerate(KEYS)])
    for number, key in enumerate(KEYS):
        filter_ = f'data."{key}" = {number}'.replace("*", "\\*")
        assert await records.ids(filter_) == [f"{number:02}"], filter_


@pytest.mark.parametrize("inner", [1, "x", [], {}])
async def test_the_deepest_are_read(records: Records, inner: Any) -> None:
    value: Any = inner
    for _ in range(MAX_DEPTH - (2 if isinstance(inner, list | dict) else 1)):
        value = {"a": value}
    deepest = {"a": [[[]]], "z": "here", **value}
    await records.put([subject("a", deepest), subject("b", {"z": 5, "y": value["a"]})])
    for text in ("data.z = here", "data.a.a.a.a.a.a.a.a.a:*", "data.z:here"):
        filter_ = parse_filter(text)
        expected = [
            each for each, data in (("a", deepest),) if matches(filter_, subject("a", data))
        ]
        assert await records.ids(filter_) == expected
    assert await records.ids("data.y.a.a:*") == ["b"]
