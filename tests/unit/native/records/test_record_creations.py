"""What is read of a batch's bytes is what its messages say."""

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.api.record_messages import record_fields
from blrcs.domain.filter.document import MAX_DEPTH
from blrcs.interceptors.validation import VALIDATOR
from blrcs.v1 import record_pb2
from blrcs_native.encoding.struct_json import json_of_struct
from blrcs_native.records.creations import (
    batch_parent,
    creation_parent,
    read_creation_request,
    read_creations,
)
from tests.unit.native.encoding.wire_strategies import near

PARENT = "tenants/acme/collections/orders"
VALUES = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=3)


def creation(record_id, data, parent=PARENT, **fields):
    record = record_pb2.Record(data=Struct(), **fields)
    record.data.update(data)
    return record_pb2.RecordWrite(
        create=record_pb2.CreateRecordRequest(parent=parent, record_id=record_id, record=record)
    )


def batch(*writes, parent=PARENT, **fields):
    return record_pb2.BatchWriteRecordsRequest(parent=parent, writes=writes, **fields)


def encoded(request):
    return request.SerializeToString(deterministic=True)


def read(request, parent=PARENT):
    return read_creations(encoded(request), parent, MAX_DEPTH)


@given(st.lists(st.tuples(st.text(max_size=5), DOCUMENTS), min_size=1, max_size=4))
def test_creations_are_those_of_the_messages(creations):
    request = batch(*(creation(*each) for each in creations))
    structs = [write.create.record.data for write in request.writes]
    texts = [json_of_struct(encoded(data), MAX_DEPTH) for data in structs]

    found = read(request)

    if None in texts:
        assert found is None
    else:
        ids = [write.create.record_id for write in request.writes]
        assert found == (ids, texts, list(map(encoded, structs)), False)
        kept = [record_fields(write.create.record) for write in request.writes]
        assert found[1:3] == ([each.data.text for each in kept], [each.encoded for each in kept])


def with_expiry(seconds):
    write = creation("a", {})
    write.create.record.ttl.seconds = seconds
    return write


@pytest.mark.parametrize(
    "write",
    [
        record_pb2.RecordWrite(),
        record_pb2.RecordWrite(delete=record_pb2.DeleteRecordRequest(name=f"{PARENT}/records/a")),
        record_pb2.RecordWrite(
            update=record_pb2.UpdateRecordRequest(record=record_pb2.Record(data=Struct()))
        ),
        record_pb2.RecordWrite(create=record_pb2.CreateRecordRequest(parent=PARENT)),
        record_pb2.RecordWrite(
            create=record_pb2.CreateRecordRequest(parent=PARENT, record=record_pb2.Record())
        ),
        creation("a", {}, parent="tenants/acme/collections/others"),
        creation("a", {}, parent=f"{PARENT}s"),
        creation("a", {}, parent=""),
        creation("a", {}, name="given"),
        creation("a", {}, etag="given"),
        creation("a", {"nul": "\0"}),
        with_expiry(60),
    ],
)
def test_what_is_more_than_a_plain_creation_is_not_read(write):
    assert read(batch(creation("b", {}))) == (["b"], ["{}"], [b""], False)
    assert read(batch(creation("b", {}), write)) is None


def test_a_field_that_nobody_knows_is_not_read():
    for place in ("batch", "write", "creation", "record"):
        request = batch(creation("a", {"x": 1}))
        write = request.writes[0]
        message = {
            "batch": request,
            "write": write,
            "creation": write.create,
            "record": write.create.record,
        }[place]
        message.MergeFromString(b"\xfa\x01\x01x")

        assert read(request) is None, place


@pytest.mark.parametrize(
    ("paths", "names_only"),
    [(["name"], True), ([], None), (["name", "name"], None), (["data"], None), (["*"], None)],
)
def test_of_masks_that_of_the_name_is_read(paths, names_only):
    """Whatever else is asked for, and what is wrong with it, somebody else finds out."""
    request = batch(creation("a", {}), creation("b", {}), read_mask={"paths": paths})
    found = read(request)
    assert (found and found[3]) == names_only
    assert (batch_parent(encoded(request)) is None) == (names_only is None)


def test_a_mask_has_its_place_behind_the_writes():
    request = batch(creation("a", {}), creation("b", {}))
    mask = b"\x1a\x06\n\x04name"
    wire = encoded(request)
    assert read_creations(wire + mask, PARENT, MAX_DEPTH)[3]
    early = encoded(batch()) + mask + wire
    for other in (wire + mask + mask, early, wire + mask + b"\xf8\x01\x01"):
        assert read_creations(other, PARENT, MAX_DEPTH) is None
        assert batch_parent(other) is None


@settings(max_examples=300)
@given(
    near(
        st.sampled_from(
            [
                encoded(batch(creation("a", {"x": [1]}), creation("b", {}), **fields))
                for fields in ({}, {"read_mask": {"paths": ["name"]}})
            ]
        )
    )
)
def test_what_is_nearly_a_batch_is_read_as_it_is_parsed_or_not_at_all(wire):
    found = read_creations(wire, PARENT, MAX_DEPTH)
    if found is None:
        return
    request = record_pb2.BatchWriteRecordsRequest.FromString(wire)
    assert found[0] == [each.create.record_id for each in request.writes]
    assert found[2] == [encoded(each.create.record.data) for each in request.writes]
    assert found[3] == (request.read_mask.paths == ["name"])


@given(st.dictionaries(st.text("abc", max_size=3), VALUES, min_size=2, max_size=20))
def test_data_come_into_the_order_of_deterministic_serialization(data):
    request = batch(creation("a", data))
    assert read_creations(request.SerializeToString(), PARENT, MAX_DEPTH) == read(request)


NAMES = st.sampled_from(
    [PARENT, "tenants/a/collections/-", f"{PARENT}/x", "tenants//collections/a"]
)
IDS = st.sampled_from(["", "a", "A.~_-9", "-a", "a/b", "é", "a" * 128, "a" * 129, "a\n"])


@given(NAMES, st.lists(st.tuples(IDS, NAMES), max_size=3))
def test_a_batch_that_is_checked_breaks_no_rule(parent, creations):
    request = batch(*(creation(each, {}, within) for each, within in creations), parent=parent)
    found = batch_parent(encoded(request))
    is_fine = not VALIDATOR.collect_violations(request)
    together = len(creations) > 1 and {within for _, within in creations} == {parent}
    assert found == (parent if is_fine and together else None)


def test_a_batch_that_is_too_long_is_not_checked():
    writes = [creation("a", {})] * 1001
    assert batch_parent(encoded(batch(*writes))) is None
    assert batch_parent(encoded(batch(*writes[1:]))) == PARENT


@given(NAMES, IDS)
def test_a_creation_that_is_checked_breaks_no_rule(parent, record_id):
    request = creation(record_id, {}, parent).create
    is_fine = not VALIDATOR.collect_violations(request)
    assert creation_parent(encoded(request)) == (parent if is_fine else None)


@given(DOCUMENTS)
def test_one_creation_is_read_as_one_of_a_batch_is(data):
    write = creation("a", data)
    found = read(batch(write))
    one = read_creation_request(write.create.SerializeToString(), MAX_DEPTH)
    assert one == (None if found is None else tuple(column[0] for column in found[:3]))


@pytest.mark.parametrize("write", [with_expiry(60), creation("a", {}, name="given")])
def test_what_is_more_than_a_plain_creation_is_not_checked(write):
    octets = encoded(write.create)
    assert creation_parent(octets) is None
    assert read_creation_request(octets, MAX_DEPTH) is None
    assert batch_parent(encoded(batch(write, write))) is None


@settings(max_examples=300)
@given(near(st.just(encoded(creation("a", {"x": [1]}).create))))
def test_what_is_nearly_a_creation_is_checked_as_it_is_parsed_or_not_at_all(wire):
    parent = creation_parent(wire)
    read_ = read_creation_request(wire, MAX_DEPTH)
    if parent is None or read_ is None:
        return
    request = record_pb2.CreateRecordRequest.FromString(wire)
    assert not VALIDATOR.collect_violations(request)
    assert (parent, read_[0]) == (request.parent, request.record_id)
    assert read_[2] == encoded(request.record.data)


def test_levels_are_bounded():
    with pytest.raises(ValueError, match="at most 256"):
        read_creations(b"", PARENT, 257)
    with pytest.raises(ValueError, match="at most 256"):
        read_creation_request(b"", 257)
