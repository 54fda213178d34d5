"""Lines that are read natively become what they become otherwise: writes, and bad ones rejects."""

import io
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.domain.record_name import CollectionKey
from blrcs.transfer import batch as batching
from blrcs.transfer import lines
from blrcs.transfer.batch import Batching
from blrcs.transfer.entry import EntryMaker, Reject, ids_of
from blrcs.transfer.json_lines import TOO_LONG, JsonLines
from blrcs.v1 import record_pb2

KEY = CollectionKey("acme", "orders")
LINE = b'{"id":"a","data":{"n":1}}'
DEEP = b'{"id":"d","data":' + b'{"a":' * 30 + b"%s" + b"}" * 31
BAD = [
    (b"{", "is not JSON"),
    (b"[]", "is not a JSON object"),
    (b"1", "is not a JSON object"),
    (b'{"id":"b"}', "has no data"),
    (b'{"id":"b","data":[]}', "not a JSON object"),
    (b'{"id":"b","data":{},"more":1}', "has 'more' beside"),
    (b'{"id":"b","data":{}} {}', "is not JSON"),
    (b'{"id":"b","data":{}', "is not JSON"),
    (b'{"id":"b","data":{},}', "is not JSON"),
    (b'{"id":"","data":{}}', "its id is not one of"),
    (b'{"id":"-b","data":{}}', "its id is not one of"),
    (b'{"id":"b c","data":{}}', "its id is not one of"),
    ('{"id":"ä","data":{}}'.encode(), "its id is not one of"),
    (b'{"id":"%s","data":{}}' % (b"b" * 129), "its id is not one of"),
    (b'{"id":1.5,"data":{}}', "its id is neither"),
    (b'{"id":true,"data":{}}', "its id is neither"),
    (b'{"id":[],"data":{}}', "its id is neither"),
    (b'{"id":01,"data":{}}', "is not JSON"),
    (b'{"id":"b","data":{"n":NaN}}', "is not JSON"),
    (b'{"id":"b","data":{"n":Infinity}}', "is not JSON"),
    (b'{"id":"b","data":{"n":9007199254740993}}', "has 9007199254740993"),
    (b'{"id":"b","data":{"n":"\xff"}}', "is not JSON in UTF-8"),
    (b'{"id":"b","data":{"n":"\xed\xa0\x80"}}', "is not JSON in UTF-8"),
    (b'{"id":"b","data":{"n":"\\ud800"}}', "is not JSON"),
    (b'{"id":"b","data":{"n":"\x01"}}', "is not JSON"),
    (b'{"id":"b","data":{},"expire_time":"soon"}', "its expire_time"),
    (b'{"id":"b","data":{},"expire_time":5}', "its expire_time"),
    (b"\xef\xbb\xbf" + LINE, "is not JSON"),
    (DEEP % b"[]", "more than 30 objects"),
]
GOOD = [
    LINE,
    b' { "data" : { } , "id" : "z~.-_9" } \t',
    b'{"id":7,"data":{"n":[1,{"m":null}]}}',
    b'{"id":0,"data":{}}',
    b'{"id":-7,"data":{}}',
    b'{"id":1234567890123456789,"data":{}}',
    b'{"id":null,"data":{"n":-0}}',
    b'{"data":{"n":1}}',
    b'{"id":"t","id":"u","data":{"n":1}}',
    b'{"id":"t","data":{"n":1},"data":{"n":2}}',
    b'{"id":"t","data":{"n":1,"n":2,"m":{"n":3}}}',
    b'{"\\u0069d":"v","data":{"n":1}}',
    b'{"id":"\\u0076","data":{"n":1}}',
    b'{"id":"w","data":{"n":1e300,"m":18446744073709551616}}',
    b'{"id":"x","data":{"n":1},"expire_time":"2030-01-01T00:00:00Z"}',
    b'{"id":"y","data":{"n":1},"expire_time":null}',
    '{"id":"e","data":{"ä":"€\\ud83d\\ude00\\u0000"}}'.encode(),
    b'{"id":"%s","data":{"long":"%s"}}' % (b"i" * 128, b"x" * 300),
    b'{"id":"wide","data":{%s}}' % b",".join(b'"%d":%d' % (each, each) for each in range(300)),
    DEEP % b"1",
]
BLANK = [b"", b" \t", b"\x0b\x0c", b"\r"]
IDS = st.text("aZ9.~", min_size=1, max_size=2) | st.integers(-3, 30)
PLAIN = st.builds(
    lambda record_id, value: orjson.dumps({"id": record_id, "data": {"n": value, "m": [value]}}),
    IDS,
    st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")) | st.none(),
)
CUT = st.builds(lambda line, end: line[:end], PLAIN, st.integers(0, 60))
LINES = st.lists(
    PLAIN | CUT | st.sampled_from([each for each, _ in BAD] + GOOD + BLANK) | st.binary(max_size=6),
    max_size=30,
)


def told(batch):
    """All that is known of a batch."""
    count = len(batch.writes)
    return (
        batch.writes.request(0, count) if count else b"",
        [batch.writes.request(each, each + 1) for each in range(count)],
        [batch.entry(each) for each in range(count)],
        batch.rejects,
        batch.ids,
        batch.writes.size_bytes,
        batch.end,
        batch.number,
    )


def both(text, *, replaces=False, most=1000, block_bytes=1 << 16):
    """The batches of a file, read natively; those that are read line by line are the same."""
    read = JsonLines().read

    def made(lines_):
        return list(read(lines_, EntryMaker(ids_of(b"seed"))))

    shape = Batching(KEY, lambda each: iter(made(each)), replaces=replaces, max_entries=most)
    expected = [told(each) for each in shape.lines(io.BytesIO(text), number=0, offset=0)]
    with patch.object(lines, "BLOCK_BYTES", block_bytes):
        found = [told(each) for each in shape.blocks(io.BytesIO(text), number=0, offset=0)]
    assert found == expected
    return found


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.integers(1, 8), st.booleans())
def test_all_lines_become_the_same(found, line_break, ends, most, replaces):
    text = line_break.join(found) + (line_break if ends else b"")
    for block_bytes in (1 << 16, 64, 1):
        both(text, replaces=replaces, most=most, block_bytes=block_bytes)
        both(lines.BOM + text, replaces=replaces, most=most, block_bytes=block_bytes)


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_bad_lines_are_told_of_with_their_numbers(line, reason):
    (batch,) = both(LINE + b"\n\n" + line + b"\n" + b'{"id":"last","data":{}}')
    (reject,) = batch[3]
    assert isinstance(reject, Reject)
    assert (reject.line.number, reject.line.raw) == (3, line + b"\n")
    assert reason in reject.reason
    assert [each.record_id for each in batch[2]] == ["a", "last"]


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("line", GOOD)
def test_lines_of_every_kind_are_writes(line, replaces):
    (batch,) = both(line, replaces=replaces)
    request = record_pb2.BatchWriteRecordsRequest.FromString(batch[0])
    (write,) = request.writes
    (entry,) = batch[2]
    assert request.parent == KEY.name
    if replaces:
        assert write.update.allow_missing
        assert write.update.record.name == KEY.record(entry.record_id).name
        record = write.update.record
    else:
        assert (write.create.parent, write.create.record_id) == (KEY.name, entry.record_id)
        record = write.create.record
    assert record.data.SerializeToString(deterministic=True) == (
        type(record.data).FromString(entry.data).SerializeToString(deterministic=True)
    )
    assert record.expire_time.SerializeToString() == entry.expire_time


def test_usual_lines_are_not_read_twice():
    text = b"".join(b'{"id":"r%d","data":{"n":%d}}\n' % (each, each) for each in range(20))

    def unread(lines_):
        raise AssertionError(list(lines_))

    found = list(Batching(KEY, unread, max_entries=8).blocks(io.BytesIO(text), number=0, offset=0))
    assert [len(each.writes) for each in found] == [8, 8, 4]
    assert found[-1].end == len(text)


def test_a_batch_is_full_by_its_bytes_too():
    line = b'{"id":"%d","data":{"x":"%s"}}\n'
    text = b"".join(line % (each, b"y" * (1 << 19)) for each in range(6))
    assert [len(each[1]) for each in both(text)] == [3, 3]
    text = b"".join(line % (each, b"y") for each in range(5))
    with patch.object(batching, "MAX_BYTES", 600):
        assert [len(each[1]) for each in both(text)] == [2, 2, 1]


def test_a_line_that_is_too_long_is_one_reject():
    text = b'{"id":"l","data":{"x":"%s"}}\n' % (b"x" * 300)
    with patch.object(lines, "MAX_LINE_BYTES", 256):
        (batch,) = both(LINE + b"\n" + text + LINE.replace(b'"a"', b'"c"'), block_bytes=64)
    assert [(each.line.number, each.reason) for each in batch[3]] == [(2, TOO_LONG)]
    assert [each.record_id for each in batch[2]] == ["a", "c"]


def test_reading_goes_on_where_it_ended():
    text = b"".join(b'{"id":"r%d","data":{}}\n' % each for each in range(10))
    shape = Batching(KEY, lambda each: iter([]), max_entries=4)
    first, *rest = shape.blocks(io.BytesIO(text), number=0, offset=0)
    file = io.BytesIO(text)
    file.seek(first.end)
    again = list(shape.blocks(file, number=first.number, offset=first.end))
    assert [(each.end, each.number, each.ids) for each in again] == [
        (each.end, each.number, each.ids) for each in rest
    ]
