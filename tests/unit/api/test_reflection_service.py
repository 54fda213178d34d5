import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from blrcs.api.reflection_service import SERVICES, add_reflection_to_server
from blrcs.testing import Host
from blrcs.v1 import cache_pb2

SERVICE = "blrcs.v1.CacheService"
Request = reflection_pb2.ServerReflectionRequest


@pytest.fixture(params=SERVICES)
def asking(request):
    """Asks a version of the service, whose name stands in the path only."""
    channel = Host(lambda server: add_reflection_to_server([SERVICE], server)).channel()
    call = channel.stream_stream(
        f"/{request.param}/ServerReflectionInfo",
        Request.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )

    async def ask(*requests):
        return [reply async for reply in call(iter(requests))]

    return ask


def files_in(reply):
    bodies = reply.file_descriptor_response.file_descriptor_proto
    return [FileDescriptorProto.FromString(body).name for body in bodies]


def test_both_versions_are_served():
    assert SERVICES == (
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    )


async def test_services_are_listed_without_a_token_and_reflection_itself_is_among_them(asking):
    (reply,) = await asking(Request(list_services=""))
    names = [each.name for each in reply.list_services_response.service]
    assert sorted(names) == sorted([SERVICE, *SERVICES])


async def test_a_symbols_file_is_given(asking):
    replies = await asking(
        Request(file_containing_symbol=SERVICE),
        Request(file_containing_symbol=f"{SERVICE}.Get"),
        Request(file_by_filename="blrcs/v1/cache.proto"),
    )
    assert ["blrcs/v1/cache.proto" in files_in(reply) for reply in replies] == [True] * 3


@pytest.mark.parametrize("service", SERVICES)
async def test_each_version_describes_itself_under_its_own_name(asking, service):
    (reply,) = await asking(Request(file_containing_symbol=service))
    (body,) = reply.file_descriptor_response.file_descriptor_proto[:1]
    file = FileDescriptorProto.FromString(body)
    assert f"{file.package}.{file.service[0].name}" == service
    (method,) = file.service[0].method
    assert method.input_type == f".{file.package}.ServerReflectionRequest"
    assert (method.client_streaming, method.server_streaming) == (True, True)


async def test_what_is_unknown_is_an_error_in_the_answer_and_the_stream_goes_on(asking):
    unknown = ["no.Such", "x", "", f"{SERVICE}.Nothing"]
    replies = await asking(
        *(Request(file_containing_symbol=each) for each in unknown), Request(list_services="")
    )
    assert [reply.error_response.error_code for reply in replies[:-1]] == [5] * len(unknown)
    assert replies[-1].HasField("list_services_response")


def test_registering_twice_changes_nothing():
    for _ in range(2):
        Host(lambda server: add_reflection_to_server([cache_pb2.DESCRIPTOR.package], server))
