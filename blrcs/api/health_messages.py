"""The messages of grpc.health.v1.Health/List.

grpcio-health-checking has them from 1.84 on only, and BLRCS stays below that version of grpcio (see
docs/architecture.md). They are made here from their descriptors, as grpc-proto states them.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2

PACKAGE = "grpc.health.v1"
FILE = "grpc/health/v1/list.proto"


def _file() -> FileDescriptorProto:
    field = FieldDescriptorProto
    entry = DescriptorProto(name="StatusesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=field.TYPE_MESSAGE,
        type_name=f".{PACKAGE}.HealthCheckResponse",
        label=field.LABEL_OPTIONAL,
    )
    response = DescriptorProto(name="HealthListResponse", nested_type=[entry])
    response.field.add(
        name="statuses",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=f".{PACKAGE}.HealthListResponse.StatusesEntry",
        label=field.LABEL_REPEATED,
    )
    return FileDescriptorProto(
        name=FILE,
        package=PACKAGE,
        syntax="proto3",
        dependency=[health_pb2.DESCRIPTOR.name],
        message_type=[DescriptorProto(name="HealthListRequest"), response],
    )


def _message(name: str) -> Any:
    return GetMessageClass(Default().FindMessageTypeByName(f"{PACKAGE}.{name}"))


Default().Add(_file())
HealthListRequest = _message("HealthListRequest")
HealthListResponse = _message("HealthListResponse")
