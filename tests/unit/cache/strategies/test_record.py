import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.cache.strategies.log.record import RecordFormat
from blrcs.cache.strategies.log.segment import Head
from blrcs.domain.logged_write import LoggedWrite

numbers = st.integers(0, 2**64 - 1)
writes = st.builds(
    LoggedWrite, numbers, st.text(max_size=20), st.none() | st.binary(max_size=50), numbers
)
FORMAT = RecordFormat(b"identity")


@given(writes=st.lists(writes, max_size=4), group=numbers)
def test_records_are_read_as_they_were_written(writes, group):
    data = b"".join(FORMAT.encode(write, group) for write in writes)
    records = list(FORMAT.decode_all(data, 0))
    assert [record.write for record in records] == writes
    assert all(record.group == group for record in records)
    assert not records or records[-1].end == len(data)


@given(write=writes, cut=st.floats(0, 1, exclude_max=True))
def test_a_part_of_a_record_is_none(write, cut):
    data = FORMAT.encode(write, 1)
    assert FORMAT.decode(data[: int(len(data) * cut)], 0) is None


@given(write=writes, place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_record_of_which_a_bit_has_changed_is_none(write, place, bit):
    data = bytearray(FORMAT.encode(write, 1))
    data[int(len(data) * place)] ^= 1 << bit
    assert FORMAT.decode(bytes(data), 0) is None


def test_a_value_that_is_a_record_of_another_log_is_not_found():
    inner = RecordFormat(b"another").encode(LoggedWrite(9, "k", b"", 0), 9)
    data = b"torn" + FORMAT.encode(LoggedWrite(1, "k", inner, 0), 1)
    assert [record.write.sequence for record in FORMAT.find(data, 0)] == [1]
    assert list(FORMAT.find(b"x" + inner, 0)) == []


def test_a_head_is_read_as_it_was_written():
    head = Head(b"i" * 16, 7, 6)
    assert Head.decode(head.encode() + b"records") == head


@pytest.mark.parametrize("place", range(44))
def test_a_damaged_head_is_none(place):
    data = bytearray(Head(b"i" * 16, 7, 6).encode())
    data[place] ^= 1
    assert Head.decode(bytes(data)) is None
    assert Head.decode(bytes(data[:place])) is None
