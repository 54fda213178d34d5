"""What is read at once, and what somebody else has to answer."""

import pytest

from blrcs.database.adapter import BlockingReader
from blrcs.database.repositories.record_at_once import RecordsAtOnce
from blrcs.database.repositories.record_lookup import IMAGE
from blrcs.domain.errors import UnavailableError

NOW_NS = 1000
IDS = {"of_tenant": "acme", "of_collection": "orders", "of_id": "7"}


class Reader(BlockingReader):
    def __init__(self, row):
        self.row = row

    def fetch_one(self, statement, /, **params):
        assert statement is IMAGE
        assert params == IDS
        if isinstance(self.row, Exception):
            raise self.row
        return self.row

    def fetch_all(self, statement, /, **params):
        raise NotImplementedError

    def run(self, operation):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ((b"x", None, None), b"x"),
        ((b"x", None, NOW_NS + 1), b"x"),
        ((b"x", None, NOW_NS), None),
        ((b"x", b"{}", None), None),
        (None, None),
        (UnavailableError("DATABASE_UNAVAILABLE", "away"), None),
    ],
    ids=["there", "not yet expired", "expired", "sealed", "missing", "away"],
)
def test_only_what_needs_nothing_else_is_read(row, found):
    read = RecordsAtOnce(Reader(row), lambda: NOW_NS).read
    assert read("acme", "orders", "7") == found
