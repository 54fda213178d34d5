"""Proxies and certificates, with a server as its user starts it."""

import json
import re
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import access_pb2, access_pb2_grpc, user_pb2, user_pb2_grpc
from tests.authority import Authority, spiffe
from tests.certificates import make_certificate
from tests.e2e.conftest import Start
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import FIRST_PASSWORD, OPTIONS, TIMEOUT_S, administrator, code
from tests.servers.haproxy import haproxy

PROXY = "127.0.0.9"
WORKLOAD = "workloads/example.org/ns/a"


def is_served(port: int, directory: Path) -> bool:
    return blrcs("health", f"127.0.0.1:{port}", cwd=directory).returncode == 0


def total(server: Server, name: str) -> float:
    """The sum of a metric's values with some labels."""
    found = re.findall(rf"^{re.escape(name)} (\S+)$", server.metrics(), re.MULTILINE)
    return sum(map(float, found))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_only_the_proxy_connects_to_a_port_of_proxies(
    start: Start, tmp_path: Path, workers: str
) -> None:
    server = start(
        "--workers",
        workers,
        BLRCS_SERVER__PROXY_PROTOCOL="v2",
        BLRCS_NETWORK__TRUSTED_PROXIES=f'["{PROXY}"]',
    )
    port = int(server.address.rpartition(":")[2])
    server.wait_for(re.escape(f"Only proxies connect to {server.address}: write the proxy's"))
    assert f"Serving gRPC on {server.address} (plain text, by proxies alone)" in server.stdout
    assert not is_served(port, tmp_path)
    with haproxy(port, forwarded=False, server=f"source {PROXY} send-proxy-v2") as proxy:
        assert is_served(proxy.port, tmp_path)
    assert total(server, 'blrcs_http2_abuse_total{kind="proxy_untrusted"}') >= 1


def test_a_port_of_proxies_needs_proxies(start: Start) -> None:
    server = start(BLRCS_SERVER__PROXY_PROTOCOL="v2")
    assert server.wait() == 1
    assert "trusted_proxies" in server.stderr


def test_a_workload_may_do_what_it_is_bound_to(start: Start, tmp_path: Path) -> None:
    own = make_certificate(tmp_path)
    (tmp_path / "key.pem").write_bytes(own.key)
    authority = Authority()
    (tmp_path / "clients.pem").write_bytes(authority.pem)
    server = start(
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_SERVER__TLS__CERT_FILE=str(own.path),
        BLRCS_SERVER__TLS__KEY_FILE=str(tmp_path / "key.pem"),
        BLRCS_SERVER__TLS__CLIENT_CA_FILE=str(tmp_path / "clients.pem"),
        BLRCS_SERVER__TLS__REQUIRE_CLIENT_CERTIFICATE="true",
        BLRCS_AUTH__MTLS__MODE="fallback",
        BLRCS_AUTH__MTLS__TRUST_DOMAINS='["example.org"]',
        BLRCS_POLICIES=json.dumps({"/blrcs.v1.AuthService/*": {"limits": []}}),
    )

    def channel(uri: str) -> grpc.Channel:
        issued = authority.issue(spiffe(uri))
        credentials = grpc.ssl_channel_credentials(own.chain, issued.key, issued.chain)
        return grpc.secure_channel(server.address, credentials, OPTIONS)

    request = user_pb2.ListUsersRequest()
    with channel("spiffe://example.org/ns/a") as own_channel:
        users = user_pb2_grpc.UserServiceStub(own_channel)

        def listing() -> grpc.StatusCode:
            return code(lambda: users.ListUsers(request, timeout=TIMEOUT_S))

        assert listing() is grpc.StatusCode.PERMISSION_DENIED
        admin = administrator([own_channel, own_channel])
        access_pb2_grpc.AccessServiceStub(own_channel).CreateBinding(
            access_pb2.CreateBindingRequest(
                binding_id="w", binding={"role": "roles/viewer", "members": [WORKLOAD]}
            ),
            metadata=admin,
        )
        assert listing() is grpc.StatusCode.OK
    with channel("spiffe://example.org/ns/b") as other:
        users = user_pb2_grpc.UserServiceStub(other)
        assert listing() is grpc.StatusCode.PERMISSION_DENIED
    with channel("spiffe://strange.org/ns/a") as stranger:
        users = user_pb2_grpc.UserServiceStub(stranger)
        assert listing() is grpc.StatusCode.UNAUTHENTICATED
