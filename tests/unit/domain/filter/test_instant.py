from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.domain.filter.instant import Instant, moment_key, parse_instant

any_ns = st.integers(-(2**63) + 10**14, 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.000000001z", 1),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T05:30:00+05:30", 0),
        ("1969-12-31T16:00:00.1-08:00", 10**8),
        ("2262-04-11T23:47:16.854775807Z", 2**63 - 1),
    ],
)
def test_it_is_read(text: str, ns: int) -> None:
    assert parse_instant(text) == Instant(ns)


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01-31", "2026-01-31T12:00Z", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00",
        "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00.1234567890Z", "2026-13-31T12:00:00Z",
        "2026-01-31T24:00:00Z", "2026-01-31T12:00:60Z", "2026-01-31T12:00:00+25:00",
        "2262-04-11T23:47:16.854775808Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
        "2026-01-31T12:00:00Z\n", "\u0662026-01-31T12:00:00Z",
    ],
)  # fmt: skip
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"timestamp|out of range"):
        parse_instant(text)


@given(any_ns)
def test_what_is_printed_is_read_again(ns: int) -> None:
    assert parse_instant(str(Instant(ns))) == Instant(ns)
    assert moment_key(str(Instant(ns))) == Instant(ns).key


@given(any_ns, any_ns)
def test_keys_are_in_the_order_of_time(one: int, other: int) -> None:
    assert (Instant(one).key < Instant(other).key) == (one < other)


def test_printing_agrees_with_the_calendar() -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=20_000, seconds=5)
    assert str(Instant((20_000 * 86_400 + 5) * 10**9)) == moment.strftime("%Y-%m-%dT%H:%M:%SZ")
