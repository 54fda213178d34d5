"""Where a call comes from is not what its caller says, nor is who it is."""

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from blrcs.v1 import user_pb2, user_pb2_grpc
from tests.attacks.raw_client import GREETING, answers, status
from tests.authority import DAY, Authority, spiffe
from tests.certificates import make_certificate
from tests.e2e.server import Server
from tests.e2e.workers import OPTIONS, TIMEOUT_S, code, until
from tests.proxy_headers import client_header
from tests.servers.haproxy import haproxy
from tests.transports import TRANSPORTS
from tests.unit.native.http2 import frames

PROXY = "127.0.0.9"
CHECK = "/grpc.health.v1.Health/Check"
LIST = "/blrcs.v1.UserService/ListUsers"
OK, DENIED, EXHAUSTED, UNAUTHENTICATED = "0", "7", "8", "16"
XFF = b"x-forwarded-for"
FORGERY = b'1.2.3.4\r\n{"event": "audit", "principal": "users/admin", "code": "OK"}'


@pytest.fixture(scope="module", params=TRANSPORTS)
def behind_proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that trusts one proxy, and no other of this machine."""
    limits = [{"key": "address", "requests": 3, "period": "1h"}]
    server = Server(
        tmp_path_factory.mktemp("behind_proxy"),
        ("--environment", "production"),
        {
            "BLRCS_SERVER__TRANSPORT": request.param,
            "BLRCS_AUDIT__TO": "log",
            "BLRCS_NETWORK__TRUSTED_PROXIES": f'["{PROXY}"]',
            "BLRCS_NETWORK__DENY": '["6.6.6.0/24"]',
            "BLRCS_POLICIES": json.dumps({CHECK: {"limits": limits}}),
        },
    )
    yield server
    server.kill()


def port_of(server: Server) -> int:
    return int(server.address.rpartition(":")[2])


def refusals(server: Server) -> list[dict[str, Any]]:
    """Those that the audit log has told of."""
    lines = [
        json.loads(line) for line in server.stderr.splitlines(keepends=True) if line[-1] == "\n"
    ]
    return [line for line in lines if line.get("kind") == "refused"]


def test_a_stranger_evades_no_limit_by_naming_other_addresses(behind_proxy: Server) -> None:
    port = port_of(behind_proxy)
    source = "127.0.0.21"
    found = [
        status(port, CHECK, (XFF, f"9.9.9.{last}".encode()), source=source) for last in range(5)
    ]
    assert found == [OK] * 3 + [EXHAUSTED] * 2
    # Nor does a stranger use up what is another's.
    assert status(port, CHECK, (XFF, b"9.9.9.0"), source=PROXY) == OK


def test_behind_the_proxy_clients_are_counted_apart_whatever_they_add(behind_proxy: Server) -> None:
    port = port_of(behind_proxy)
    for client in ("1.1.1.1", "1.1.1.2"):
        found = [
            status(port, CHECK, (XFF, f"8.8.8.{last}, {client}".encode()), source=PROXY)
            for last in range(4)
        ]
        assert found == [OK] * 3 + [EXHAUSTED]


@pytest.mark.parametrize(
    "value",
    [
        b"6.6.6.1",
        b"6.6.6.1:80",
        b"::ffff:6.6.6.1",
        b"0:0:0:0:0:ffff:606:601",
        b"[::FFFF:6.6.6.1]:1",
        b"1.2.3.4,6.6.6.1",
        b"1.2.3.4 , 6.6.6.1 ",
    ],
)
def test_a_denied_client_is_refused_however_its_address_is_written(
    behind_proxy: Server, value: bytes
) -> None:
    assert status(port_of(behind_proxy), LIST, (XFF, value), source=PROXY) == DENIED


@pytest.mark.parametrize(
    "value", [b"unknown", b"06.6.6.1", b"6.6.6.1%eth0", b"1.2.3.4;", b"x" * 900]
)
def test_who_cannot_be_told_is_refused(behind_proxy: Server, value: bytes) -> None:
    assert status(port_of(behind_proxy), LIST, (XFF, value), source=PROXY) == DENIED


def test_the_audit_log_names_the_socket_of_a_stranger(behind_proxy: Server) -> None:
    named = (XFF, b"9.9.9.9")
    assert status(port_of(behind_proxy), LIST, named, source="127.0.0.22") == UNAUTHENTICATED
    assert status(port_of(behind_proxy), LIST, named, source=PROXY) == UNAUTHENTICATED
    assert status(port_of(behind_proxy), LIST, (XFF, b"6.6.6.6"), source=PROXY) == DENIED
    expected = [
        ("127.0.0.22", "TOKEN_MISSING"),
        ("9.9.9.9", "TOKEN_MISSING"),
        ("6.6.6.6", "ADDRESS_NOT_ALLOWED"),
    ]

    def told() -> bool:
        seen = [(each["address"], each["reason"]) for each in refusals(behind_proxy)]
        return [each for each in seen if each in expected] == expected

    until(told)


def test_behind_a_real_proxy_that_passes_bytes_on_clients_are_held_to_account(
    tmp_path: Path,
) -> None:
    """By the PROXY protocol, of which only the proxy may speak."""
    limits = [{"key": "address", "requests": 2, "period": "1h"}]
    server = Server(
        tmp_path,
        ("--environment", "production"),
        {
            "BLRCS_AUDIT__TO": "log",
            "BLRCS_SERVER__PROXY_PROTOCOL": "v2",
            "BLRCS_NETWORK__TRUSTED_PROXIES": f'["{PROXY}"]',
            "BLRCS_NETWORK__DENY": '["127.0.0.66"]',
            "BLRCS_POLICIES": json.dumps({LIST: {"limits": limits}}),
        },
    )
    try:
        port = port_of(server)
        with haproxy(port, forwarded=False, server=f"source {PROXY} send-proxy-v2") as proxy:
            one = [status(proxy.port, LIST, source="127.0.0.5") for _ in range(3)]
            other = status(proxy.port, LIST, source="127.0.0.6")
            denied = status(proxy.port, LIST, source="127.0.0.66")
            sent = client_header("8.8.8.8") + GREETING + frames.call(1, LIST.encode(), b"")
            forged = [answers(each, sent, "127.0.0.7") for each in (port, proxy.port)]
        assert one == [UNAUTHENTICATED, UNAUTHENTICATED, EXHAUSTED]
        assert (other, denied) == (UNAUTHENTICATED, "")
        assert not any("grpc-status" in each.fields for found in forged for each in found)
        until(lambda: "127.0.0.6" in {each["address"] for each in refusals(server)})
        assert {each["address"] for each in refusals(server)} == {"127.0.0.5", "127.0.0.6"}
    finally:
        server.kill()


@pytest.mark.parametrize("name", [XFF, b"forwarded", b"user-agent", b"x-anything"])
def test_a_line_break_in_metadata_makes_no_line_of_the_log(
    behind_proxy: Server, name: bytes
) -> None:
    port = port_of(behind_proxy)
    assert status(port, LIST, (name, FORGERY), source=PROXY) != OK
    before = len(refusals(behind_proxy))
    assert status(port, LIST, source="127.0.0.23") == UNAUTHENTICATED
    until(lambda: len(refusals(behind_proxy)) > before)
    for record in refusals(behind_proxy):
        assert "principal" not in record
        assert "\n" not in record["address"]
    assert all(line.isprintable() for line in behind_proxy.stderr.splitlines())


@pytest.mark.parametrize("source", [PROXY, "127.0.0.1"])
@pytest.mark.parametrize(
    "header", [client_header("1.2.3.4"), b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"]
)
def test_a_proxy_header_is_not_taken_where_none_is_expected(
    behind_proxy: Server, header: bytes, source: str
) -> None:
    """Nor behind the greeting, where a frame should be."""
    call = frames.call(1, LIST.encode(), b"")
    for sent in (header + GREETING + call, GREETING + header + call):
        found = answers(port_of(behind_proxy), sent, source)
        assert not any(each.fields for each in found)
    assert status(port_of(behind_proxy), LIST) == UNAUTHENTICATED


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module", params=TRANSPORTS)
def by_certificate(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
) -> Iterator[tuple[Server, bytes]]:
    """A server that knows workloads by their certificates, and its own certificate."""
    folder: Path = tmp_path_factory.mktemp("by_certificate")
    own = make_certificate(folder)
    for name, pem in (("key.pem", own.key), ("clients.pem", authority.pem)):
        (folder / name).touch(0o600)
        (folder / name).write_bytes(pem)
    server = Server(
        folder,
        ("--environment", "production"),
        {
            "BLRCS_SERVER__TRANSPORT": request.param,
            "BLRCS_SERVER__TLS__CERT_FILE": str(own.path),
            "BLRCS_SERVER__TLS__KEY_FILE": str(folder / "key.pem"),
            "BLRCS_SERVER__TLS__CLIENT_CA_FILE": str(folder / "clients.pem"),
            "BLRCS_SERVER__TLS__REQUIRE_CLIENT_CERTIFICATE": "true",
            "BLRCS_AUTH__MTLS__MODE": "fallback",
            "BLRCS_AUTH__MTLS__TRUST_DOMAINS": '["example.org"]',
        },
    )
    yield server, own.chain
    server.kill()


def listing(served: tuple[Server, bytes], key: bytes, chain: bytes) -> grpc.StatusCode:
    """How a call ends that only a principal may make, and then needs a permission for."""
    server, trusted = served
    credentials = grpc.ssl_channel_credentials(trusted, key, chain)
    with grpc.secure_channel(server.address, credentials, OPTIONS) as channel:
        users = user_pb2_grpc.UserServiceStub(channel)
        return code(lambda: users.ListUsers(user_pb2.ListUsersRequest(), timeout=TIMEOUT_S))


def test_a_certificate_of_another_authority_opens_nothing(
    by_certificate: tuple[Server, bytes], authority: Authority
) -> None:
    """Though it bears the same names, and the client sends the right authority along."""
    name = spiffe("spiffe://example.org/ns/a")
    for forged in (Authority().issue(name), authority.issue(name, lasts=-DAY)):
        for chain in (forged.chain, forged.chain + authority.pem):
            assert listing(by_certificate, forged.key, chain) is grpc.StatusCode.UNAVAILABLE
    leaf = authority.issue(name)
    intermediate = Authority("client").issue(name)
    chain = intermediate.chain + leaf.chain + authority.pem
    assert listing(by_certificate, intermediate.key, chain) is grpc.StatusCode.UNAVAILABLE
    assert listing(by_certificate, leaf.key, leaf.chain) is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"])
def test_tls_is_1_2_or_later(
    by_certificate: tuple[Server, bytes], authority: Authority, tmp_path: Path, version: str
) -> None:
    server, _ = by_certificate
    leaf = authority.issue(spiffe("spiffe://example.org/ns/a"))
    own = tmp_path / "own.pem"
    own.write_bytes(leaf.key + leaf.chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(own)
    place = ("127.0.0.1", port_of(server))
    with socket.create_connection(place, TIMEOUT_S) as client:
        if version in {"TLSv1", "TLSv1_1"}:
            with pytest.raises(ssl.SSLError, match=r"ALERT_PROTOCOL_VERSION|EOF occurred"):
                context.wrap_socket(client)
            return
        with context.wrap_socket(client) as spoken:
            assert spoken.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize(
    "uris",
    [
        ["spiffe://example.org/ns/a", "spiffe://example.org/ns/b"],
        ["spiffe://example.org/ns/a", "https://example.org/"],
        ["spiffe://evil.org/ns/a"],
        ["spiffe://example.org.evil.org/ns/a"],
        ["spiffe://evil.org/example.org/ns/a"],
        ["spiffe://example.org@evil.org/ns/a"],
        ["spiffe://example.org:443/ns/a"],
        ["spiffe://example.org/ns/a/"],
        ["spiffe://example.org//ns/a"],
        ["spiffe://example.org/ns/%61"],
        ["spiffe://example.org/ns%2Fa"],
        ["spiffe://example.org/x/../ns/a"],
        ["spiffe://example.org/ns/a?x"],
        ["spiffe://example.org/ns/a#x"],
        ["spiffe://EXAMPLE.ORG/ns/a"],
        ["SPIFFE://example.org/ns/a"],
        ["spiffe://example.org"],
    ],
)
def test_a_tricky_id_is_nobodys(
    by_certificate: tuple[Server, bytes], authority: Authority, uris: list[str]
) -> None:
    issued = authority.issue(*map(spiffe, uris))
    assert listing(by_certificate, issued.key, issued.chain) is grpc.StatusCode.UNAUTHENTICATED


def test_a_client_that_may_sign_others_is_nobody(
    by_certificate: tuple[Server, bytes], authority: Authority
) -> None:
    issued = authority.issue(spiffe("spiffe://example.org/ns/a"), signs=True)
    assert listing(by_certificate, issued.key, issued.chain) is grpc.StatusCode.UNAUTHENTICATED


def test_without_a_certificate_there_is_no_answer(by_certificate: tuple[Server, bytes]) -> None:
    server, trusted = by_certificate
    for credentials in (grpc.ssl_channel_credentials(trusted), None):
        opened = (
            grpc.insecure_channel(server.address, OPTIONS)
            if credentials is None
            else grpc.secure_channel(server.address, credentials, OPTIONS)
        )
        with opened as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest()
            found = code(lambda: stub.Check(request, timeout=TIMEOUT_S))  # noqa: B023
            assert found is grpc.StatusCode.UNAVAILABLE
