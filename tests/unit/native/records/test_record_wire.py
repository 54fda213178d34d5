"""Records are written as protobuf writes them."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from blrcs.api.stored_messages import StoredRecord
from blrcs.v1 import record_pb2
from blrcs_native.encoding.protobuf_wire import write_message
from blrcs_native.records.wire import encode_record, encode_records, write_results

INSTANTS = st.integers(0, 2**63 - 1) | st.sampled_from([0, 1, 999_999_999, 1_000_000_000])


def instant(time_ns: int) -> Timestamp:
    return Timestamp(seconds=time_ns // 10**9, nanos=time_ns % 10**9)


@given(st.text(), st.binary(max_size=300), st.text(), INSTANTS, INSTANTS, st.none() | INSTANTS)
def test_a_record_is_written_as_protobuf_does(
    name: str, data: bytes, etag: str, created_ns: int, updated_ns: int, gone_ns: int | None
) -> None:
    message = StoredRecord(
        name=name,
        data=data,
        etag=etag,
        create_time=instant(created_ns),
        update_time=instant(updated_ns),
        expire_time=None if gone_ns is None else instant(gone_ns),
    )
    written = encode_record(name, data, etag, created_ns, updated_ns, gone_ns)
    assert written == message.SerializeToString()


@given(st.lists(st.tuples(st.text(), st.binary(max_size=300))), INSTANTS, st.none() | INSTANTS)
def test_records_of_one_moment_are_written_as_each_by_itself(
    records: list[tuple[str, bytes]], time_ns: int, gone_ns: int | None
) -> None:
    names, data = [name for name, _ in records], [encoded for _, encoded in records]
    assert encode_records(names, data, "e", time_ns, gone_ns) == [
        encode_record(*each, "e", time_ns, time_ns, gone_ns) for each in records
    ]


def test_each_record_has_a_name_and_data() -> None:
    with pytest.raises(ValueError, match="zip"):
        encode_records(["a"], [], "e", 1, None)


def test_a_record_is_read_again() -> None:
    data = record_pb2.Record(data={"a": 1}).data
    written = encode_record("n", data.SerializeToString(), "e", 1, 2, 3)
    read = record_pb2.Record.FromString(written)
    assert (read.name, read.etag, read.data) == ("n", "e", data)
    assert read.expire_time == Timestamp(nanos=3)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_record("\ud800", b"", "", 0, 0, None)


@given(st.lists(st.tuples(st.text(min_size=1), st.binary(max_size=300))), st.booleans())
def test_results_are_written_as_protobuf_does(
    records: list[tuple[str, bytes]], names_only: bool
) -> None:
    written = [encode_record(name, data, "e", 1, 2, None) for name, data in records]
    results = write_results(written, names_only)
    if names_only:
        written = [record_pb2.Record(name=name).SerializeToString() for name, _ in records]
    assert results == [write_message(1, each) for each in written]


@pytest.mark.parametrize("record", [b"", encode_record("", b"x", "", 0, 0, None), b"\n\x05name"])
def test_a_result_shows_no_name_that_is_not_there(record: bytes) -> None:
    assert write_results([record], False) == [write_message(1, record)]
    with pytest.raises(ValueError, match="begins with its name"):
        write_results([record], True)
