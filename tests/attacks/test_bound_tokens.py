"""Stolen tokens that are bound to a client certificate are of no use with another one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc
from tests.authority import Authority, Issued
from tests.certificates import make_certificate
from tests.e2e.server import Server
from tests.e2e.workers import FIRST_PASSWORD, PASSWORD, Metadata, bearer, choose_password, code
from tests.transports import TRANSPORTS

ME = user_pb2.GetUserRequest(name="users/admin")
LIST = "/blrcs.v1.UserService/ListUsers"


class BoundServer:
    """A server over mutual TLS that binds what it issues, and two clients' certificates."""

    def __init__(self, server: Server, authority: Authority, trusted: bytes) -> None:
        self._server = server
        self._trusted = trusted
        self.own, self.thief = [authority.issue(common_name=name) for name in ("own", "thief")]

    @contextmanager
    def channel(self, issued: Issued) -> Iterator[grpc.Channel]:
        credentials = grpc.ssl_channel_credentials(
            self._trusted, private_key=issued.key, certificate_chain=issued.chain
        )
        port = self._server.address.rpartition(":")[2]
        with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
            yield channel


@pytest.fixture(scope="module", params=TRANSPORTS)
def bound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BoundServer]:
    folder = tmp_path_factory.mktemp("bound")
    certificate = make_certificate(folder)
    key = folder / "key.pem"
    key.write_bytes(certificate.key)
    key.chmod(0o600)
    authority = Authority()
    (folder / "clients.pem").write_bytes(authority.pem)
    unlimited = {f"/blrcs.v1.{name}Service/*": {"limits": []} for name in ("Auth", "User")}
    server = Server(
        folder,
        ("--environment", "production"),
        {
            "BLRCS_SERVER__TRANSPORT": request.param,
            "BLRCS_SERVER__TLS__CERT_FILE": str(certificate.path),
            "BLRCS_SERVER__TLS__KEY_FILE": str(key),
            "BLRCS_SERVER__TLS__CLIENT_CA_FILE": str(folder / "clients.pem"),
            "BLRCS_SERVER__TLS__REQUIRE_CLIENT_CERTIFICATE": "true",
            "BLRCS_AUTH__BIND_TO_CERTIFICATES": "true",
            "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
            "BLRCS_POLICIES": json.dumps(unlimited | {LIST: {"token_binding": "mtls"}}),
        },
    )
    try:
        made = BoundServer(server, authority, certificate.chain)
        with made.channel(made.own) as channel:
            choose_password(channel, "admin")
        yield made
    finally:
        server.kill()


def signed_in(channel: grpc.Channel) -> auth_pb2.Tokens:
    request = auth_pb2.SignInRequest(user_id="admin", password=PASSWORD)
    reply: auth_pb2.SignInResponse = auth_pb2_grpc.AuthServiceStub(channel).SignIn(request)
    return reply.tokens


def use(channel: grpc.Channel, metadata: Metadata) -> grpc.StatusCode:
    return code(lambda: user_pb2_grpc.UserServiceStub(channel).GetUser(ME, metadata=metadata))


def test_a_stolen_token_is_of_no_use(bound: BoundServer) -> None:
    with bound.channel(bound.own) as own, bound.channel(bound.thief) as thief:
        tokens = signed_in(own)
        metadata = bearer(tokens.access_token)
        for _ in range(2):
            assert use(own, metadata) is grpc.StatusCode.OK
            # Verified and remembered it is the same token, and refused all the same.
            assert use(thief, metadata) is grpc.StatusCode.UNAUTHENTICATED
        # Nor is it with the scheme of other bindings.
        with_proof = [("authorization", f"DPoP {tokens.access_token}"), ("dpop", "x")]
        assert use(thief, with_proof) is grpc.StatusCode.UNAUTHENTICATED


def test_a_stolen_refresh_token_neither_gives_tokens_nor_ends_the_session(
    bound: BoundServer,
) -> None:
    with bound.channel(bound.own) as own, bound.channel(bound.thief) as thief:
        tokens = signed_in(own)
        request = auth_pb2.RefreshRequest(refresh_token=tokens.refresh_token)
        for _ in range(3):
            refresh = auth_pb2_grpc.AuthServiceStub(thief).Refresh
            assert code(lambda: refresh(request)) is grpc.StatusCode.UNAUTHENTICATED  # noqa: B023
        renewed = auth_pb2_grpc.AuthServiceStub(own).Refresh(request).tokens
        assert use(own, bearer(renewed.access_token)) is grpc.StatusCode.OK
        assert use(thief, bearer(renewed.access_token)) is grpc.StatusCode.UNAUTHENTICATED


def test_a_policy_can_demand_what_every_token_has_here(bound: BoundServer) -> None:
    with bound.channel(bound.own) as own:
        metadata = bearer(signed_in(own).access_token)
        users = user_pb2_grpc.UserServiceStub(own).ListUsers(
            user_pb2.ListUsersRequest(), metadata=metadata
        )
        assert [user.name for user in users.users] == ["users/admin"]
