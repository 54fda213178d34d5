import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from blrcs.domain.record_name import CollectionKey
from blrcs.transfer.batch import Batching
from blrcs.transfer.batch_writer import EXISTS, BatchWriter
from blrcs.transfer.entry import EntryMaker, Reject, ids_of
from blrcs.transfer.errors import TransferError
from blrcs.transfer.lines import Line
from blrcs.transfer.stored_records import StoredRecords
from blrcs.v1 import record_pb2
from tests.unit.transfer.server import Code, MemoryServer, RpcError

KEY = CollectionKey("acme", "orders")
MAKE = EntryMaker(ids_of(b"seed"))


def name(record_id):
    return KEY.record(record_id).name


def entry(number, record_id=None, **data):
    line = Line(number, number, number * 10, b"line\n", True)
    return MAKE(line, record_id or f"r{number}", data or {"n": number}, None)


def unread(lines):
    raise AssertionError(lines)


def batches(found, max_entries=1000, *, replaces=False):
    return Batching(KEY, unread, replaces=replaces, max_entries=max_entries).found(iter(found))


def ids_in(found):
    return [found.entry(index).record_id for index in range(len(found.writes))]


def batch(*entries, replaces=False):
    (found,) = batches(entries, replaces=replaces)
    return found


def stored(record_id, **data):
    record = record_pb2.Record(name=name(record_id))
    record.data.update(data)
    return record


def writer(server, on_conflict="fail"):
    return BatchWriter(server, StoredRecords(server, KEY), on_conflict=on_conflict)


def test_what_is_in_order_is_one_call():
    server = MemoryServer()
    outcome = writer(server)(batch(*map(entry, range(1, 101))), is_doubtful=False)
    assert (outcome.written, outcome.skipped, outcome.rejects) == (100, 0, [])
    assert server.calls == [100]
    assert server.stored[name("r7")].data == Struct(fields={"n": {"number_value": 7}})


@given(
    kinds=st.lists(st.sampled_from(["new", "bad", "same", "other"]), min_size=1, max_size=60),
    on_conflict=st.sampled_from(["fail", "skip", "replace"]),
    is_doubtful=st.booleans(),
    most=st.sampled_from([1, 3, 1000]),
)
def test_each_line_is_written_once_or_left_out_or_told_of(kinds, on_conflict, is_doubtful, most):
    entries = [entry(number) for number in range(len(kinds))]
    numbers = {
        kind: [number for number, each in enumerate(kinds) if each == kind]
        for kind in ("new", "bad", "same", "other")
    }
    before = {name(f"r{number}"): stored(f"r{number}", n=number) for number in numbers["same"]}
    before |= {name(f"r{number}"): stored(f"r{number}", n=-1) for number in numbers["other"]}
    server = MemoryServer(dict(before), bad={f"r{number}" for number in numbers["bad"]}, most=most)
    outcome = writer(server, on_conflict)(
        batch(*entries, replaces=on_conflict == "replace"), is_doubtful=is_doubtful
    )
    rejected = [each.line.number for each in outcome.rejects]
    replaces = on_conflict == "replace"
    own = set(numbers["new"]) | set(numbers["same"] if is_doubtful or replaces else ())
    own |= set(numbers["other"] if replaces else ())
    there = set(numbers["same"] + numbers["other"]) - own
    assert outcome.written == len(own)
    assert outcome.skipped == (len(there) if on_conflict == "skip" else 0)
    assert rejected == sorted({*numbers["bad"], *(there if on_conflict == "fail" else ())})
    after = before | {name(f"r{number}"): stored(f"r{number}", n=number) for number in own}
    assert server.stored == after


def test_few_that_are_refused_cost_few_calls():
    server = MemoryServer(bad={"r500"})
    outcome = writer(server)(batch(*map(entry, range(1000))), is_doubtful=False)
    assert outcome.written == 999
    assert [(each.line.number, each.reason) for each in outcome.rejects] == [(500, "bad")]
    assert len(server.calls) <= 6


def test_all_that_are_there_are_looked_up_together():
    ids = [f"r{number}" for number in range(1000)]
    server = MemoryServer({name(each): stored(each, n=-1) for each in ids})
    outcome = writer(server, "skip")(batch(*map(entry, range(1000))), is_doubtful=False)
    assert outcome.skipped == 1000
    assert len(server.calls) + server.gets <= 20
    doubtful = MemoryServer({name(f"r{n}"): stored(f"r{n}", n=n) for n in range(1000)})
    outcome = writer(doubtful)(batch(*map(entry, range(1000))), is_doubtful=True)
    assert outcome.written == 1000
    assert (doubtful.calls, doubtful.gets) == ([], 10)


def test_a_call_whose_acknowledgement_was_lost_is_recognised():
    server = MemoryServer({name(f"r{n}"): stored(f"r{n}", n=n) for n in range(5)})
    server.is_doubtful = True
    outcome = writer(server)(batch(*map(entry, range(5))), is_doubtful=False)
    assert (outcome.written, outcome.rejects) == (5, [])


def test_secrets_are_not_compared():
    server = MemoryServer({name("a"): stored("a", n=1, in_={"k": 1})})
    given_ = entry(1, "a", n=1, pin=7, in_={"k": 1, "s": 2})
    found = writer(server)(batch(given_), is_doubtful=True)
    assert [each.reason for each in found.rejects] == [EXISTS]
    server.secret_fields = ("pin", "in_.s", "not.there")
    assert writer(server)(batch(given_), is_doubtful=True).written == 1


def test_what_is_refused_as_a_whole_ends_it():
    server = MemoryServer()
    server._write = lambda _: (_ for _ in ()).throw(RpcError(Code.PERMISSION_DENIED, "no"))
    with pytest.raises(TransferError, match="PERMISSION_DENIED: no"):
        writer(server)(batch(entry(1)), is_doubtful=False)
    with pytest.raises(TransferError, match="RESOURCE_EXHAUSTED"):
        writer(MemoryServer(most=0))(batch(entry(1), entry(2)), is_doubtful=False)


def test_batches_are_bounded_and_have_no_record_twice():
    found = [entry(1), entry(2), Reject(Line(3, 4, 40, b"x\ny\n", True), "bad"), entry(5, "r1")]
    first, second = batches(found)
    assert ids_in(first) == ["r1", "r2"]
    assert (first.end, first.number, len(first.rejects)) == (40, 4, 1)
    assert ids_in(second) == ["r1"]
    assert [len(each.writes) for each in batches(map(entry, range(5)), 2)] == [2, 2, 1]
    large = [entry(number, x="y" * (1 << 20)) for number in range(3)]
    assert [len(each.writes) for each in batches(large)] == [1, 1, 1]
