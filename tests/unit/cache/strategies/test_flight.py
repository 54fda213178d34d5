import pytest

from blrcs.cache.strategies.flight import Flight
from blrcs.cache.strategies.stored_value import CONTENT_TYPE, Kind, StoredValue, decode
from blrcs.domain.cache_entry import CacheEntry


@pytest.mark.parametrize(
    ("began", "seen", "arrived", "version", "serves"),
    [
        (None, None, 5, None, True),  # it begins later still
        (6, None, 5, None, True),
        (4, None, 5, None, False),
        (4, StoredValue(Kind.LOADING, version=9), 5, 9, True),
        (4, StoredValue(Kind.LOADING, version=9), 5, 10, False),
        (4, StoredValue(Kind.LOADING, version=9), 5, None, False),
        (4, StoredValue(Kind.VALUE, version=9), 5, 9, True),
        (4, StoredValue(Kind.WRITING, version=9), 5, 9, False),
        (6, StoredValue(Kind.WRITING, version=9), 5, 9, True),
    ],
)
async def test_a_load_serves_whom_it_is_new_enough_for(began, seen, arrived, version, serves):
    flight = Flight("k", seen, is_refresh=False)
    flight.began = began
    assert flight.serves(arrived, version) is serves


def test_what_is_stored_is_read_as_it_was_written():
    stored = StoredValue(Kind.VALUE, b"value", 10, 20, 3, 7)
    entry = CacheEntry("k", stored.encode(), CONTENT_TYPE, 7, None)
    assert decode(entry) == stored
    assert stored.answer == b"value"
    assert (stored.is_fresh(9), stored.is_fresh(10)) == (True, False)
    assert (stored.is_served(19), stored.is_served(20)) == (True, False)


@pytest.mark.parametrize(
    "entry",
    [
        CacheEntry("k", b"x" * 30, "text/plain", 7, None),
        CacheEntry("k", b"", CONTENT_TYPE, 7, None),
        CacheEntry("k", b"\x09" * 30, CONTENT_TYPE, 7, None),
    ],
)
def test_what_no_strategy_wrote_may_be_replaced_and_is_never_served(entry):
    assert decode(entry) == StoredValue(Kind.LOADING, version=7)
    assert not decode(entry).is_served(0)
