"""What is stored and found again, as targets of fuzzing: sealed values, and queries."""

import json
from collections.abc import Hashable
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.filter.evaluation import Subject, matches
from blrcs.domain.filter.expression import comparisons
from blrcs.domain.filter.parser import parse_filter
from blrcs.domain.order_by import MAX_TERMS, parse_order_by, position
from blrcs.encryption.data_key import DataKey
from blrcs.security.page_tokens import SignedPageTokens

KEY = bytes(range(32))
PLACES = (b"place", b"other")


def same(count: int) -> bytes:
    """In the place of random bytes, so that what is sealed is the same at any time."""
    return bytes(count)


@cache
def genuine() -> dict[tuple[bytes, bytes], bytes]:
    """What may be opened by where it is and what was sealed, that of version 1 anywhere."""
    key = DataKey(KEY, same)
    old = AESGCM(KEY).encrypt(bytes(12), b"old", b"old place")
    found = {(place, key.seal(place, b"value", "name")): b"value" for place in PLACES}
    return found | {(place, b"\x01" + key.id + bytes(12) + old): b"old" for place in PLACES}


def sealed(data: bytes) -> Hashable:
    """A byte that says where it stands, and what may be sealed: only what was can be opened."""
    place, text = PLACES[data[:1] > b"\x7f"], data[1:]
    key = DataKey(KEY, same)
    assert key.open(place, key.seal(place, text, "n"), "n") == text
    try:
        opened = key.open(place, text, "name", old_place=b"old place")
    except FailedPreconditionError as error:
        assert (place, text) not in genuine()
        return error.reason
    assert genuine()[place, text] == opened
    return opened


SUBJECT = Subject(
    name="tenants/a/collections/c/records/r",
    record_id="r",
    create_time_ns=1_800_000_000_000_000_000,
    update_time_ns=1_800_000_000_000_000_001,
    expire_time_ns=None,
    data={"a": 1, "b": ["x", {"c": None}], "d": {"e": "2026-01-01T00:00:00Z"}, "f": True},
)


def filter_(data: bytes) -> Hashable:
    """What may be a filter: it is refused, or judges any record, and is read again as itself."""
    try:
        found = parse_filter(data.decode())
    except (UnicodeDecodeError, InvalidArgumentError) as error:
        return type(error).__name__
    assert parse_filter(str(found)) == found
    kinds = [
        (each.operator.value, type(each.operand).__name__, type(each.field).__name__)
        for each in comparisons(found)
    ]
    return matches(found, SUBJECT), type(found.expression).__name__, tuple(kinds[:4])


def order_by(data: bytes) -> Hashable:
    """What may be an order."""
    try:
        found = parse_order_by(data.decode())
    except (UnicodeDecodeError, InvalidArgumentError) as error:
        return type(error).__name__
    # Behind as many fields as there may be comes one that tells records apart.
    assert len(found.terms) > MAX_TERMS or parse_order_by(str(found)) == found
    json.dumps(position(found, SUBJECT))
    return tuple((type(each.field).__name__, each.is_descending) for each in found.terms)


TOKENS = SignedPageTokens(KEY)
CURSORS = ("", "a", "cursor-é")
QUERIES = ("first", "second")


def page_token(data: bytes) -> Hashable:
    """A byte that says for which query, and a token: one that was not issued for it is refused."""
    query, text = QUERIES[data[:1] > b"\x7f"], data[1:].decode("latin-1")
    token = TOKENS.issue(query, text)
    assert TOKENS.redeem(query, token) == text
    try:
        cursor = TOKENS.redeem(query, text)
    except InvalidArgumentError as error:
        assert text not in [TOKENS.issue(query, each) for each in CURSORS]
        return error.reason
    assert text == "" or cursor in CURSORS
    return cursor


STORED_TARGETS = {
    "sealed": sealed,
    "filter": filter_,
    "order_by": order_by,
    "page_token": page_token,
}


def stored_inputs() -> dict[str, dict[str, bytes]]:
    """What fuzzing them begins with."""
    texts = {
        f"{place.decode()}_{value.decode()}": text for (place, text), value in genuine().items()
    }
    filters = {
        "logic": 'NOT (data.a = 1 OR data.b:"x") -data.f = false AND name = "tenants/*"',
        "times": 'create_time >= "2026-01-01T00:00:00.5Z" expire_time:*',
        "functions": "startsWith(data.d.e, '2026') contains(data.\"a b\", 'x\\n')",
        "kinds": "data.b.c = null AND data.a != -1.5e3 AND record_id < r",
    }
    return {
        "sealed": {
            name: (b"\xff" if name.startswith("other") else b"\0") + text
            for name, text in texts.items()
        },
        "filter": {name: text.encode() for name, text in filters.items()},
        "order_by": {
            "data": b'data.a desc, data."b c".d asc',
            "columns": b"create_time,update_time desc, name desc, record_id",
        },
        "page_token": {
            "first": b"\0" + TOKENS.issue("first", "a").encode(),
            "second": b"\xff" + TOKENS.issue("second", "cursor-\u00e9").encode(),
        },
    }
