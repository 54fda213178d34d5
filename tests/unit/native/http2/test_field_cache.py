"""Header fields as Python objects, the same whether they are remembered or not."""

import base64
import gc
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.http2.field_cache import FieldCache
from blrcs_native.http2.metadatum import Metadatum

names = st.from_regex(rb"[a-z0-9_.-]{1,20}(-bin)?", fullmatch=True)


def model(name: bytes, value: bytes) -> list[tuple[str, object]] | None:
    if name.endswith(b"-bin"):
        values: list[object] = []
        for part in value.split(b","):
            bare = part.strip(b" \t").rstrip(b"=")
            try:
                values.append(base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True))
            except ValueError:
                return None
        return [(name.decode(), each) for each in values]
    try:
        return [(name.decode(), value.decode())]
    except UnicodeDecodeError:
        return [(name.decode(), value.decode("latin-1"))]


@given(st.lists(st.tuples(names, st.binary(max_size=40)), max_size=40))
def test_fields_are_what_they_stand_for(fields: list[tuple[bytes, bytes]]) -> None:
    cache = FieldCache()
    for name, value in fields * 3:
        assert cache.find(name, value) == model(name, value)


def test_a_field_that_comes_again_is_the_same_object() -> None:
    cache = FieldCache()
    for count in range(3):
        (found,) = cache.find(b"name", b"value") or ()
        assert (found.key, found.value) == ("name", "value")
        assert type(found) is Metadatum
        if count == 1:
            second = found
    assert found is second


def test_what_comes_once_is_not_held_and_pushes_nothing_out() -> None:
    cache = FieldCache()
    for _ in range(2):
        (steady,) = cache.find(b"name", b"value") or ()
    gc.collect()
    before = sys.getallocatedblocks()
    for index in range(20_000):
        cache.find(b"name", b"once %d" % index)
    assert sys.getallocatedblocks() - before < 200
    (found,) = cache.find(b"name", b"value") or ()
    assert found is steady


@pytest.mark.parametrize(
    ("one", "other"),
    [((b"ab", b"c"), (b"a", b"bc")), ((b"a", b""), (b"a", b"\0")), ((b"a", b"x"), (b"b", b"x"))],
)
def test_fields_are_not_taken_for_each_other(
    one: tuple[bytes, bytes], other: tuple[bytes, bytes]
) -> None:
    cache = FieldCache()
    for _ in range(3):
        assert cache.find(*one) == model(*one)
        assert cache.find(*other) == model(*other)


def test_it_holds_so_many_and_no_more() -> None:
    cache = FieldCache()
    gc.collect()
    before = sys.getallocatedblocks()
    for index in range(20_000):
        for _ in range(2):
            cache.find(b"name", b"%d" % index)
    assert sys.getallocatedblocks() - before < 5 * 1_024 + 200


def test_large_fields_are_not_held() -> None:
    cache = FieldCache()
    cache.find(b"name", b"v" * 2_000)
    (first,) = cache.find(b"name", b"v" * 2_000) or ()
    (second,) = cache.find(b"name", b"v" * 2_000) or ()
    assert first == second
    assert first is not second
