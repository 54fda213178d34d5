import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from blrcs.v1 import cache_pb2, limit_pb2
from blrcs_native.encoding.protobuf_wire import (
    length_of_utf8,
    read_fields,
    write_bytes,
    write_instant,
    write_message,
    write_number,
)
from tests.varint import varint

UINT64 = st.integers(0, 2**64 - 1)
EDGES = [0, 1, 127, 128, 2**14 - 1, 2**14, 2**32 - 1, 2**32, 2**63, 2**64 - 1]


@given(UINT64 | st.sampled_from(EDGES))
def test_numbers_are_written_as_protobuf_writes_them(value):
    assert write_number(4, value) == cache_pb2.CacheEntry(version=value).SerializeToString()
    assert read_fields(b"\x20" + varint(value)) == [(4, value)]


@pytest.mark.parametrize("value", EDGES)
def test_numbers_of_every_size_go_through(value):
    assert write_number(4, value) == cache_pb2.CacheEntry(version=value).SerializeToString()
    assert read_fields(b"\x20" + varint(value)) == [(4, value)]


@given(st.text(max_size=200))
def test_texts_are_written_as_protobuf_writes_them(text):
    written = cache_pb2.CacheEntry(key=text).SerializeToString()
    assert write_bytes(1, text.encode()) == written
    assert read_fields(written) == ([(1, text.encode())] if text else [])


@given(st.binary(max_size=300))
def test_messages_are_written_even_where_they_are_empty(message):
    written = bytes([3 << 3 | 2]) + varint(len(message)) + message
    assert write_message(3, message) == written
    assert read_fields(written) == [(3, message)]


@given(st.integers(-(10**18), 2**62) | st.sampled_from([0, 1, -1, 10**9, 10**9 - 1]))
def test_instants_are_written_as_protobuf_writes_them(time_ns):
    seconds, nanos = divmod(time_ns, 10**9)
    entry = cache_pb2.CacheEntry(expire_time=Timestamp(seconds=seconds, nanos=nanos))
    assert write_instant(5, time_ns) == entry.SerializeToString()


@given(st.binary(max_size=12) | st.text(max_size=20).map(str.encode))
def test_utf8_is_what_python_takes_for_it(octets):
    try:
        expected = len(octets.decode())
    except UnicodeDecodeError:
        expected = None
    assert length_of_utf8(octets) == expected


def test_utf8_is_judged_alike_for_every_beginning_of_a_sequence():
    def length(octets):
        try:
            return len(octets.decode())
        except UnicodeDecodeError:
            return None

    tails = [b"", b"\x80", b"\x80\x80", b"\xbf\xbf\xbf", b"\x80\x80\x80\x80", b"\x80a"]
    for first in range(0x80, 0x100):
        for second in range(0x100):
            for tail in tails:
                octets = b"eight is" + bytes([first, second]) + tail
                assert length_of_utf8(octets) == length(octets), octets


@pytest.mark.parametrize("text", ["ü", "€", "\U0001f600"])
def test_utf8_is_not_looked_for_behind_its_end(text):
    octets = text.encode()
    assert length_of_utf8(octets + octets, len(octets)) == 1
    for end in range(1, len(octets)):
        assert length_of_utf8(octets, end) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a varint that ends too early", b"\x08\x80"),
        ("a varint with a byte too many", b"\x08\x80\x00"),
        ("a varint of eleven bytes", b"\x08" + b"\xff" * 10 + b"\x01"),
        ("a varint beyond 64 bits", b"\x08" + b"\xff" * 9 + b"\x02"),
        ("bytes that are not all there", b"\x0a\x02x"),
        ("a length beyond all memory", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ("a length that is no varint", b"\x0a\x80"),
        ("fields out of order", b"\x10\x01\x08\x01"),
        ("a number above 15", b"\x82\x01\x00"),
        ("the number 0", b"\x02\x00"),
        ("a group", b"\x0b\x0c"),
        ("a fixed number", b"\x0d\x00\x00\x00\x00"),
        ("a tag alone", b"\x08"),
    ],
)
def test_what_is_unusual_is_not_read(name, message):
    assert read_fields(message) is None, name


@given(st.binary(max_size=40))
def test_whatever_is_read_protobuf_reads_as_well(message):
    fields = read_fields(message)
    if fields is not None:
        written = b"".join(
            bytes([number << 3]) + varint(value)
            if isinstance(value, int)
            else bytes([number << 3 | 2]) + varint(len(value)) + value
            for number, value in fields
        )
        assert written == message
        # A message without fields of its own refuses only what is malformed.
        limit_pb2.ResetResponse.FromString(message)
