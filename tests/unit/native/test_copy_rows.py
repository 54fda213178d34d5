"""Rows for COPY are those that its description says."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.copy_rows import HEAD, TAIL, copy_rows

NUMBERS = st.integers(-(2**63), 2**63 - 1)
VALUES = {
    "t": st.text(),
    "o": st.binary(),
    "n": NUMBERS,
    "r": st.floats(allow_nan=False),
    "f": st.booleans(),
}


def written(value, kind):
    """One field, by the description alone."""
    if value is None:
        return struct.pack(">i", -1)
    octets = {
        "t": lambda: str(value).encode(),
        "o": lambda: value,
        "n": lambda: struct.pack(">q", value),
        "r": lambda: struct.pack(">d", value),
        "f": lambda: struct.pack(">?", value),
    }[kind]()
    return struct.pack(">i", len(octets)) + octets


@st.composite
def tables(draw):
    kinds = draw(st.text("tonrf", max_size=6))
    row = st.tuples(*[st.none() | VALUES[kind] for kind in kinds])
    return kinds, draw(st.lists(row, max_size=5))


@given(tables())
def test_rows_are_written_as_they_are_described(table):
    kinds, rows = table
    expected = b"".join(
        struct.pack(">h", len(row))
        + b"".join(written(value, kind) for value, kind in zip(row, kinds, strict=True))
        for row in rows
    )
    assert copy_rows(rows, kinds.encode()) == expected


def test_what_stands_around_them():
    assert b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0) == HEAD
    assert struct.pack(">h", -1) == TAIL


@pytest.mark.parametrize(
    ("row", "kinds", "error"),
    [
        ((1,), b"t", TypeError),
        (("a",), b"o", TypeError),
        (("a",), b"n", TypeError),
        ((1.0,), b"n", TypeError),
        (("a",), b"r", TypeError),
        ((1,), b"f", TypeError),
        ((2**63,), b"n", OverflowError),
        ((-(2**63) - 1,), b"n", OverflowError),
        (("\ud800",), b"t", UnicodeEncodeError),
        (("a", "b"), b"t", TypeError),
        ((), b"t", TypeError),
        (["a"], b"t", TypeError),
        ("a", b"t", TypeError),
        (None, b"t", TypeError),
        ((1,), b"x", ValueError),
    ],
)
def test_what_is_of_another_kind_is_refused(row, kinds, error):
    with pytest.raises(error):
        copy_rows([row], kinds)


def test_rows_that_change_while_they_are_read_change_nothing():
    rows = []

    class Odd:
        def __float__(self):
            rows[:] = [("much longer",) * 1000] * 1000
            return 1.0

    rows += [(Odd(), "a"), (2.0, "b")]
    assert copy_rows(rows, b"rt") == copy_rows([(1.0, "a"), (2.0, "b")], b"rt")


def test_enumerations_are_their_numbers():
    assert copy_rows([(True,)], b"n") == copy_rows([(1,)], b"n")
