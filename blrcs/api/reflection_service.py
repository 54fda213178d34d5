"""grpc.reflection, v1 and v1alpha: the server describes its services.

grpcio-reflection serves v1alpha only. The two differ in nothing but the package's name, so v1 is
made of its descriptor, and one servicer answers both.
"""

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

ALPHA = "grpc.reflection.v1alpha"
STABLE = "grpc.reflection.v1"
FILES = ("grpc_reflection/v1alpha/", "grpc/reflection/v1/")
SERVICES = tuple(f"{package}.ServerReflection" for package in (STABLE, ALPHA))


def add_reflection_to_server(services: Iterable[str], server: Any) -> None:
    """Registers both versions with a server; they list ``services`` and themselves."""
    servicer = ReflectionServicer((*services, *SERVICES), pool=_Pool())
    alpha = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
    for descriptor in (alpha, _stable_service()):
        (method,) = descriptor.methods
        handler = grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=GetMessageClass(alpha.methods[0].output_type).SerializeToString,
        )
        server.add_registered_method_handlers(descriptor.full_name, {method.name: handler})


class _Pool:
    """The default pool, but one that finds a method's file too, as the protocol asks."""

    def FindFileContainingSymbol(self, name: str) -> FileDescriptor:
        """The file; KeyError where there is no such symbol."""
        try:
            return Default().FindFileContainingSymbol(name)
        except KeyError:
            return Default().FindMethodByName(name).containing_service.file

    def __getattr__(self, name: str) -> Any:
        return getattr(Default(), name)


def _stable_service() -> ServiceDescriptor:
    pool = Default()
    try:
        return pool.FindServiceByName(SERVICES[0])
    except KeyError:
        pass
    alpha = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    stable = json_format.MessageToJson(alpha).replace(ALPHA, STABLE).replace(*FILES)
    pool.Add(json_format.Parse(stable, FileDescriptorProto()))
    return pool.FindServiceByName(SERVICES[0])
