"""Nothing is reachable by accident: function-level authorization (OWASP API5, API9)."""

import importlib
import pkgutil
import socket
from urllib.parse import urlsplit

import grpc
import pytest

import blrcs.v1
from tests.attacks.world import World
from tests.e2e.workers import TIMEOUT_S

MODULES = [
    f"blrcs.v1.{each.name}"
    for each in pkgutil.iter_modules(blrcs.v1.__path__)
    if each.name.endswith("_pb2")
]
PUBLIC = {
    "/blrcs.v1.AuthService/SignIn",
    "/blrcs.v1.AuthService/BeginPasskeySignIn",
    "/blrcs.v1.AuthService/CompleteSignIn",
    "/blrcs.v1.AuthService/Refresh",
    "/blrcs.v1.AuthService/GetJwks",
    "/blrcs.v1.AuthService/IssueServiceToken",
}
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for name in MODULES
    for service in importlib.import_module(name).DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
GUARDED = sorted(METHODS.keys() - PUBLIC)
REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


HELD = {
    f"/blrcs.v1.RecordService/{name}"
    for name in (
        *("GetCollection", "ListCollections", "CreateRecord", "GetRecord", "ListRecords"),
        *("UpdateRecord", "DeleteRecord", "BatchGetRecords", "BatchWriteRecords"),
        *("CountRecords", "WatchRecords"),
    )
}
"""What the attacker may in its own tenant, and is told in a request that names nothing."""


def ending(world: World, name: str, metadata=()) -> grpc.StatusCode:
    """How a call with an empty request ends, whatever it streams."""
    method = METHODS[name]
    kind = f"{'stream' if method.client_streaming else 'unary'}_"
    kind += "stream" if method.server_streaming else "unary"
    call = getattr(world.channel, kind)(name)
    argument = iter([b""]) if method.client_streaming else b""
    try:
        reply = call(argument, metadata=metadata, timeout=TIMEOUT_S)
        if method.server_streaming:
            for _ in reply:
                reply.cancel()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("name", GUARDED)
def test_no_method_but_the_public_ones_answers_a_stranger(attacked: World, name: str) -> None:
    assert ending(attacked, name) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer x.y.z", "Basic YWRtaW46YWRtaW4="])
def test_what_is_no_token_is_no_key(attacked: World, token: str) -> None:
    found = {ending(attacked, name, [("authorization", token)]) for name in GUARDED}
    assert found == {grpc.StatusCode.UNAUTHENTICATED}


def test_metrics_are_at_the_loopback_address_and_nowhere_else(attacked: World) -> None:
    place = urlsplit(attacked.server.metrics_url)
    assert (place.hostname, place.path) == ("127.0.0.1", "/metrics")
    assert place.port is not None
    socket.create_connection(("127.0.0.1", place.port)).close()
    # Linux has all of 127.0.0.0/8: another address of the machine, as those beyond it are.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", place.port))


@pytest.mark.parametrize(
    "method",
    [
        "/blrcs.v1.AuthService/Nothing",
        "/blrcs.v1.authservice/SignIn",
        "/blrcs.v1.AuthService/signin",
        "/blrcs.v1.AuthService/SignIn/",
        "//blrcs.v1.AuthService/SignIn",
        "/blrcs.v1.AuthService/../UserService/ListUsers",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers",
    ],
)
def test_what_is_not_served_is_not_there_for_anybody(attacked: World, method: str) -> None:
    for metadata in ((), attacked.admin):
        code, _, _, _ = attacked.call(method, b"", metadata)
        assert code is grpc.StatusCode.UNIMPLEMENTED


def test_a_user_without_rights_can_do_nothing_to_others(unharmed: World) -> None:
    own = {"blrcs.v1.AuthService", "blrcs.v1.CredentialService"}  # what is the caller's own
    for name, method in METHODS.items():
        if method.containing_service.full_name in own or name in PUBLIC:
            continue
        expected = {grpc.StatusCode.INVALID_ARGUMENT} if name in HELD else REFUSED
        assert ending(unharmed, name, unharmed.mallory) in expected, name
