"""Twins of messages that hold records, in which what is encoded already is bytes.

A message within a message is encoded as bytes are (protobuf's encoding, "Length-Delimited
Records"), so a twin with bytes in its place reads and writes the same, and what was encoded when a
record was written is neither parsed nor made again when it is read.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from blrcs.v1 import record_pb2

PACKAGE = "blrcs.stored"
FILE = "blrcs/stored/record.proto"
ENCODED = frozenset({".google.protobuf.Struct", ".blrcs.v1.Record", ".blrcs.v1.RecordWriteResult"})
TWINS = (
    "Record",
    "ListRecordsResponse",
    "BatchGetRecordsResponse",
    "BatchWriteRecordsResponse",
    "WatchRecordsResponse",
)


def _twin(name: str) -> DescriptorProto:
    twin = DescriptorProto()
    record_pb2.DESCRIPTOR.message_types_by_name[name].CopyToProto(twin)
    for field in twin.field:
        field.ClearField("options")
        if field.type_name in ENCODED:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
    return twin


def _message(name: str) -> Any:
    return GetMessageClass(Default().FindMessageTypeByName(f"{PACKAGE}.{name}"))


Default().Add(
    FileDescriptorProto(
        name=FILE,
        package=PACKAGE,
        syntax="proto3",
        dependency=[
            record_pb2.DESCRIPTOR.name,
            "google/protobuf/duration.proto",
            "google/protobuf/timestamp.proto",
        ],
        message_type=map(_twin, TWINS),
    )
)
StoredRecord = _message("Record")
StoredListRecordsResponse = _message("ListRecordsResponse")
StoredBatchGetRecordsResponse = _message("BatchGetRecordsResponse")
StoredBatchWriteRecordsResponse = _message("BatchWriteRecordsResponse")
StoredWatchRecordsResponse = _message("WatchRecordsResponse")
