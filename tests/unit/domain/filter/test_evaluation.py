from typing import Any

import pytest

from blrcs.domain.filter.evaluation import matches
from blrcs.domain.filter.parser import parse_filter
from tests.documents import subject

DATA: dict[str, Any] = {
    "n": 42,
    "zero": -0.0,
    "s": "foo.bar",
    "one": "1",
    "t": True,
    "f": False,
    "z": None,
    "o": {"k": {"x": 1}, "n": None},
    "tags": ["red", 42, None, True, ["blue"], {"k": "v"}],
    "lines": [{"sku": "a", "n": [1, 2]}, {"sku": "b"}, 7],
    "nested": [[{"k": 1}]],
    "at": "2026-01-31T12:00:00.5Z",
    "empty": {},
    "none": [],
}
RECORD = subject("r7", DATA, create_time_ns=10**9, update_time_ns=2 * 10**9)


@pytest.mark.parametrize(
    "text",
    [
        "", "data.n = 42", "data.n = 42.0", "data.n < 43", "data.n >= 42", "data.zero = 0",
        "data.n != 41", "data.missing != 41", "data.s != 41", "data.n.x != 1",
        'data.s = "foo.bar"', 'data.s = "foo*"', 'data.s = "*bar"', 'data.s = "*o.b*"',
        'data.s < "g"', 'data.s > "FOO"', 'data.one = "1"', "data.t = true", "data.f = false",
        "data.z = null", "data.z:*", "data.o.k.x = 1", "NOT data.missing = null",
        "data.o:k", "data.o.k:*", "data.o.k:x", "data.o.n:*", "data:n", "data.empty:*",
        "data.n:42", 'data.s:"foo*"', "data.tags:red", "data.tags:42", "data.tags:null",
        "data.tags:true", "data.tags:k", "data.tags.k:v", 'data.tags:"*"', "data.none:*",
        "data.lines.sku:a", "data.lines.sku:b", "data.lines.n:2", "data.lines.n:*",
        "data.at = timestamp('2026-01-31T12:00:00.500Z')",
        "data.at < timestamp('2026-01-31T13:00:00.6+01:00')",
        "data.at > timestamp('2026-01-31T12:00:00Z')",
        'name = "tenants/acme/collections/orders/records/r7"', 'name:"tenants/*"',
        "record_id = r7", "record_id < r8", "create_time = 1970-01-01T00:00:01Z",
        "update_time > 1970-01-01T00:00:01Z", "NOT expire_time:*", "name:*",
        "expire_time != 1970-01-01T00:00:01Z",
        "data.n = 42 AND data.t = true", "data.n = 1 OR data.t = true",
        "NOT (data.n = 42 AND data.t = false)", 'contains(data.s, "o.b")', 'endsWith(data.s, "")',
    ],
)  # fmt: skip
def test_it_passes(text: str) -> None:
    assert matches(parse_filter(text), RECORD)
    assert not text or not matches(parse_filter(f"NOT ({text})"), RECORD)


@pytest.mark.parametrize(
    "text",
    [
        'data.n = "42"', "data.one = 1", "data.t = 1", "data.n = true", "data.z = false",
        "data.missing = null", "data.missing < 1", "data.missing:*", "data.f = null",
        'data.s = "FOO.BAR"', 'data.s = "foo"', 'data.s = "bar*"', 'data.s = "*foo"',
        'data.n = "*"',
        "data.o = k", "data.o.x:*", "data.tags = red", "data.tags:blue", "data.tags:x",
        "data.lines.sku = a", "data.lines.0:*", "data.lines.missing:*", "data.nested.k:1",
        "data.none:1", "data.none:null", "data.empty:k", 'data.o:"k*"', "data.n:4",
        "data.s = timestamp('2026-01-31T12:00:00Z')",
        "data.at < timestamp('2026-01-31T12:00:00.5Z')", "expire_time:*",
        "expire_time < 2200-01-01T00:00:00Z", "expire_time >= 1970-01-01T00:00:00Z",
        "record_id > r7", "name = r7", 'data.s < "Z"',
    ],
)  # fmt: skip
def test_it_does_not_pass(text: str) -> None:
    assert not matches(parse_filter(text), RECORD)
    assert matches(parse_filter(f"NOT ({text})"), RECORD)
