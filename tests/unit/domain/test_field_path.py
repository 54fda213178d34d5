import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.domain import field_path
from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.field_path import (
    MAX_PATHS,
    MISSING,
    overlap,
    parse_path,
    paths_named,
    value_at,
    with_value,
    without,
)

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(tuple)
DOCUMENTS = st.recursive(
    st.dictionaries(NAMES, st.none() | st.integers()),
    lambda inner: st.dictionaries(NAMES, inner | st.integers()),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b.c", ("a", "b", "c")),
        ("`a.b`.c", ("a.b", "c")),
        ("größe", ("größe",)),
        ("a b", ("a b",)),
    ],
)
def test_paths_are_segments_between_dots(text, path):
    assert parse_path(text, field="f") == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "`a", "``", "`a`b", "a`b`"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(InvalidArgumentError) as caught:
        parse_path(text, field="f")
    assert caught.value.field == "f"


def test_a_path_has_an_end():
    assert len(parse_path(".".join("a" * 16), field="f")) == 16
    with pytest.raises(InvalidArgumentError):
        parse_path(".".join("a" * 17), field="f")


def test_of_a_path_no_more_is_read_than_it_may_have(monkeypatch):
    read = []

    class Counting:
        def match(self, text, at):
            read.append(at)
            return segment.match(text, at)

    segment = field_path._SEGMENT
    monkeypatch.setattr(field_path, "_SEGMENT", Counting())
    with pytest.raises(InvalidArgumentError, match="at most 16 segments"):
        parse_path(".".join("a" * 1000), field="f")
    assert len(read) == 17


def test_a_mask_names_each_path_once():
    assert paths_named(["a", "b", "a"] * 100, field="f") == {"a", "b"}
    assert len(paths_named(map(str, range(MAX_PATHS)), field="f")) == MAX_PATHS


def test_of_a_mask_no_more_is_read_than_it_may_have():
    mask = map(str, itertools.count())
    with pytest.raises(InvalidArgumentError, match="more than 64 paths") as caught:
        paths_named(itertools.islice(mask, 1000), field="f")
    assert caught.value.field == "f"
    assert next(mask) == "65"


@given(DOCUMENTS, PATHS, st.integers())
def test_what_is_put_in_is_found_and_taken_out(document, path, value):
    before = repr(document)
    try:
        changed = with_value(document, path, value)
    except FailedPreconditionError:
        return
    assert value_at(changed, path) == value
    assert value_at(without(changed, path), path) is MISSING
    assert repr(document) == before


@given(DOCUMENTS, PATHS, PATHS)
def test_what_lies_beside_a_path_stays(document, path, other):
    if not overlap(path, other):
        assert value_at(without(document, path), other) == value_at(document, other)


def test_null_is_a_value():
    assert value_at({"a": None}, ("a",)) is None
    assert value_at({"a": None}, ("a", "b")) is MISSING
    assert without({"a": [1]}, ("a", "b")) == {"a": [1]}


def test_paths_overlap_where_one_begins_with_the_other():
    assert overlap(("a",), ("a", "b"))
    assert overlap(("a", "b"), ("a",))
    assert not overlap(("a", "b"), ("a", "c"))
    assert not overlap(("a",), ("ab",))
