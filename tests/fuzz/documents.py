"""Documents as they come over the wire and are stored, as targets of fuzzing."""

from collections.abc import Hashable
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct

from blrcs.api.documents import document_of
from blrcs.domain.filter.document import MAX_DEPTH
from blrcs.interceptors.validation import VALIDATOR
from blrcs.v1 import record_pb2
from blrcs_native.encoding.struct_json import json_of_struct
from blrcs_native.encoding.struct_order import in_order
from blrcs_native.encoding.struct_wire import struct_of
from blrcs_native.records.creations import (
    batch_parent,
    creation_parent,
    read_creation_request,
    read_creations,
)
from tests.unit.native.encoding.test_struct_json import encoded, expected
from tests.unit.native.records.test_record_creations import PARENT, batch, creation


def struct(data: bytes) -> Hashable:
    """A google.protobuf.Struct: read natively it is what protobuf reads."""
    text = json_of_struct(data, MAX_DEPTH)
    try:
        message = Struct.FromString(data)
    except DecodeError:
        assert text is None
        return "refused"
    message.DiscardUnknownFields()
    document = expected(message)
    assert json_of_struct(encoded(message), MAX_DEPTH) == document
    if document is None:
        assert text is None
        return "no document"
    if text is not None:
        assert sorted(text) == sorted(document)
        assert orjson.loads(text) == orjson.loads(document)
    again = Struct.FromString(struct_of(orjson.loads(document), MAX_DEPTH, ordered=True))
    assert document_of(again, field="data") == orjson.loads(document)
    return text is None, tuple(
        sorted({each.WhichOneof("kind") for each in message.fields.values()})
    )


def document(data: bytes) -> Hashable:
    """A JSON object: written natively it is the bytes that protobuf writes."""
    try:
        found = orjson.loads(data)
    except ValueError:
        return "no JSON"
    if not isinstance(found, dict):
        return "no object"
    try:
        written = struct_of(found, MAX_DEPTH, ordered=True)
    except ValueError:
        assert levels(found) > MAX_DEPTH or not is_exact(found)
        return "refused"
    assert levels(found) <= MAX_DEPTH
    assert is_exact(found)
    message = Struct()
    message.update(found)
    assert written == encoded(message)
    assert Struct.FromString(struct_of(found, MAX_DEPTH)) == message
    return levels(found), tuple(sorted({type(each).__name__ for each in found.values()}))


def creations(data: bytes) -> Hashable:
    """A batch of writes, which natively is read where all that it does is create."""
    found = read_creations(data, PARENT, MAX_DEPTH)
    try:
        asked = record_pb2.BatchWriteRecordsRequest.FromString(data)
    except DecodeError:
        assert found is None
        return "refused"
    asked.DiscardUnknownFields()
    created = [write.create for write in asked.writes]
    structs = [encoded(each.record.data) for each in created]
    texts = [json_of_struct(each, MAX_DEPTH) for each in structs]
    ids = [each.record_id for each in created]
    creates_alone = asked.parent == PARENT and all(map(only_creates, asked.writes))
    mask = list(asked.read_mask.paths) if asked.HasField("read_mask") else None
    is_plain = creates_alone and None not in texts and mask in (None, ["name"])
    expected_ = (ids, texts, structs, mask is not None) if is_plain else None
    assert read_creations(encoded(asked), PARENT, MAX_DEPTH) == expected_
    if found is None:
        return "left", creates_alone
    assert found[0] == ids
    assert list(map(orjson.loads, found[1])) == [orjson.loads(each or "") for each in texts]
    assert list(map(Struct.FromString, found[2])) == [each.record.data for each in created]
    return len(ids), len(set(ids))


def creation_request(data: bytes) -> Hashable:
    """A request that creates: what is taken of it breaks no rule, and is what protobuf reads."""
    parent, found = creation_parent(data), read_creation_request(data, MAX_DEPTH)
    if parent is not None and found is not None:
        asked = record_pb2.CreateRecordRequest.FromString(data)
        assert not VALIDATOR.collect_violations(asked)
        assert (parent, found[0]) == (asked.parent, asked.record_id)
        assert found[2] == encoded(asked.record.data)
        assert orjson.loads(found[1]) == orjson.loads(json_of_struct(found[2], MAX_DEPTH) or "")
    together = batch_parent(data)
    several = together and read_creations(data, together, MAX_DEPTH)
    if several:
        whole = record_pb2.BatchWriteRecordsRequest.FromString(data)
        assert not VALIDATOR.collect_violations(whole)
        assert whole.parent == together
        assert several[0] == [each.create.record_id for each in whole.writes]
        assert several[2] == [encoded(each.create.record.data) for each in whole.writes]
        assert several[3] == (whole.read_mask.paths == ["name"])
    return parent is None, found is None, together is None, several is None


def struct_order(data: bytes) -> Hashable:
    """A google.protobuf.Struct in order: what is read of it is what protobuf writes of it."""
    ordered = in_order(data, MAX_DEPTH)
    text = None if ordered is None else json_of_struct(ordered, MAX_DEPTH)
    if text is not None:
        assert encoded(Struct.FromString(data)) == ordered
    return ordered is None, text is None, ordered == data


def only_creates(write: record_pb2.RecordWrite) -> bool:
    """Whether it says nothing but where, by which id, and with what data."""
    said = {field.name for field, _ in write.create.ListFields()}
    within = [field.name for field, _ in write.create.record.ListFields()]
    return (
        write.HasField("create")
        and write.create.parent == PARENT
        and {"parent", "record"} <= said <= {"parent", "record_id", "record"}
        and within == ["data"]
    )


def levels(value: Any) -> int:
    within = value.values() if isinstance(value, dict) else value
    return 1 + max(map(levels, within), default=0) if isinstance(value, dict | list) else 0


def is_exact(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(is_exact, value.values() if isinstance(value, dict) else value))
    return type(value) is not int or int(float(value)) == value


DOCUMENT_TARGETS = {
    "struct": struct,
    "struct_order": struct_order,
    "document": document,
    "creation": creation_request,
    "creations": creations,
}


def document_inputs() -> dict[str, dict[str, bytes]]:
    """What fuzzing them begins with."""
    data = {"a": 1, "ab": -2.5, "b": [None, True, "x\n"], "c": {"d": {}, "é": []}}
    mixed = batch(creation("a", data), creation("b", {}, parent="tenants/b"))
    return {
        "struct": {"document": struct_of(data, 9, ordered=True), "unordered": struct_of(data, 9)},
        "document": {
            "document": orjson.dumps(data),
            "inexact": b'{"a":[9007199254740993],"b":18446744073709551615}',
        },
        "struct_order": {
            "ordered": struct_of(data, 9, ordered=True),
            "unordered": struct_of(data, 9),
        },
        "creation": {
            "single": encoded(creation("a", data).create),
            "unnamed": encoded(creation("", {}).create),
            "batch": encoded(batch(creation("a", data), creation("b", {}))),
        },
        "creations": {
            "batch": encoded(batch(creation("a", data), creation("b", {}), creation("", {}))),
            "mixed": encoded(mixed),
        },
    }
